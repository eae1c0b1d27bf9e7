"""Term vectors: the weighted terms of texts, packed, and the cosines between them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simrec.lexical.words import TERM_IDS

KEY_TERMS = 48  # of a text, the heaviest, among which shared terms are looked for
TABLE_TEXTS = 1_000  # for fewer, a table of all term ids, 64 MiB, costs more than it saves
BLOCK_ROWS = 65_536
WEIGHT_BITS = 8
MAX_WEIGHT = (1 << WEIGHT_BITS) - 1

PackedTerms = NDArray[np.uint32]
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


class TermVectors:
    """The term vectors of many texts, to compare other texts with.

    packed is uint32 [texts, terms], in memory or mapped; see `pack`. sizes, float32 [texts, 2] from
    `norms_and_counts`, saves a pass over packed.
    """

    def __init__(self, packed: PackedTerms, sizes: Floats | None = None) -> None:
        self._packed = packed
        self._sizes = np.concatenate([*norms_and_counts(packed)]) if sizes is None else sizes
        self._query_weights: Floats | None = None
        if len(packed) >= TABLE_TEXTS:
            self._query_weights = np.zeros(TERM_IDS, np.float32)

    def cosines(self, queries: PackedTerms, rows: Rows) -> Floats:
        """Return the cosines of queries to rows of the texts, [queries, n] in 0..1.

        queries are packed term vectors [queries, terms], rows [queries, n].
        """
        sums = np.zeros(rows.shape, np.float32)
        sizes = self._sizes[rows]
        norms = sizes[..., 0]
        counts = sizes[..., 1].astype(np.int64)
        products = self._products(queries, rows, counts.max(axis=1, initial=1))
        for query, (_, row_products) in enumerate(products):
            row_products.sum(axis=1, out=sums[query])
        sums /= norms
        return sums

    def hybrid_scores(
        self,
        cosines: Floats,
        queries: PackedTerms,
        rows: Rows,
        weight: float,
    ) -> Floats:
        """Return the hybrid scores [queries, n], from the encoder's cosines; see `blend`."""
        return blend(cosines, self.cosines(queries, rows), queries, weight)

    def top_shared_terms(self, queries: PackedTerms, rows: Rows, k: int) -> PackedTerms:
        """Return the ids of the k terms that add most to each cosine, [queries, n, k].

        The heaviest is first; an id is 0 where no more terms are shared. Only the KEY_TERMS
        heaviest terms of a row count.
        """
        width = min(KEY_TERMS, self._packed.shape[1])
        ids = np.zeros((*rows.shape, width), np.uint32)
        products = np.zeros((*rows.shape, width), np.float32)
        widths = np.full(len(rows), width)
        for query, (row_ids, row_products) in enumerate(self._products(queries, rows, widths)):
            ids[query] = row_ids
            products[query] = row_products
        order = np.argsort(-products, axis=-1, kind="stable")[..., :k]
        are_shared = np.take_along_axis(products, order, axis=-1) > 0
        return np.where(are_shared, np.take_along_axis(ids, order, axis=-1), np.uint32(0))

    def _products(
        self, queries: PackedTerms, rows: Rows, widths: Rows
    ) -> Iterator[tuple[PackedTerms, Floats]]:
        """Yield, of each query, its rows' term ids and what each term adds to the dot product.

        Both are [n, width of the query]; the query's vector has length one, those of rows have not.
        """
        query_ids, query_weights = unpack(queries)
        query_weights /= np.maximum(_norms(query_weights), 1)[:, None]
        for query, width in enumerate(widths.tolist()):
            ids, weights = unpack(self._packed[rows[query], :width])
            weights *= self._look_up(query_ids[query], query_weights[query], ids)
            yield ids, weights

    def _look_up(self, query_ids: PackedTerms, query_weights: Floats, ids: PackedTerms) -> Floats:
        """Return the weight in a query of each term id, 0 of those it has not."""
        table = self._query_weights
        if table is None:
            return look_up_sorted(query_ids, query_weights, ids)
        table[query_ids] = query_weights
        found = table.take(ids)
        table[query_ids] = 0
        return found


def look_up_sorted(query_ids: PackedTerms, query_weights: Floats, ids: PackedTerms) -> Floats:
    """Return the weights of term ids by bisection, as a table of all ids gives them."""
    order = query_ids.argsort(kind="stable")
    query_ids = query_ids[order]
    last = np.searchsorted(query_ids, ids, side="right") - 1
    return np.where(query_ids[last] == ids, query_weights[order][last], np.float32(0))


def blend(
    cosines: Floats,
    lexical_cosines: Floats,
    queries: PackedTerms,
    weight: float,
) -> Floats:
    """Return the hybrid scores of queries, [queries, n], from both cosines [queries, n].

    A text is the vector (sqrt(1 - weight) encoder, sqrt(weight) terms); its cosine to another is
    the weighted mean of both cosines. A query without terms is scored by the encoder alone.
    """
    scores: Floats = (1 - weight) * cosines + weight * lexical_cosines
    without_terms = queries[:, 0] == 0
    scores[without_terms] = cosines[without_terms]
    return scores


def norms_and_counts(packed: PackedTerms) -> Iterator[Floats]:
    """Yield each text's norm, at least 1, and its number of terms, [block, 2], block by block."""
    yield np.empty((0, 2), np.float32)
    for start in range(0, len(packed), BLOCK_ROWS):
        _, weights = unpack(packed[start : start + BLOCK_ROWS])
        norms = np.maximum(_norms(weights), 1)
        counts = (weights > 0).sum(axis=1)
        yield np.stack([norms, counts], axis=1).astype(np.float32)


def pack(ids: NDArray[np.integer], weights: NDArray[np.floating]) -> PackedTerms:
    """Return each term as one number: its id in the upper bits, its weight in the lowest 8.

    Weights are parts of the largest, 1 to MAX_WEIGHT.
    """
    scale = MAX_WEIGHT / weights.max(initial=1e-9)
    parts = np.rint(weights * scale).astype(np.uint32)
    parts = np.maximum(parts, np.uint32(1))
    packed: PackedTerms = ids.astype(np.uint32) << np.uint32(WEIGHT_BITS)
    packed |= parts
    return packed


def unpack(packed: PackedTerms) -> tuple[PackedTerms, Floats]:
    """Return the ids and the weights of packed terms; the vectors are not of length one."""
    ids = packed >> np.uint32(WEIGHT_BITS)
    weights = (packed & np.uint32(MAX_WEIGHT)).astype(np.float32)
    return ids, weights


def _norms(weights: Floats) -> Floats:
    squares: Floats = np.einsum("...t,...t->...", weights, weights)
    return np.sqrt(squares)
