"""The index: finds the rows of highest cosine, exactly while that is affordable, else tuned to a measured recall."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from simrec.config import IndexConfig
from simrec.errors import ReleaseError
from simrec.index import faiss_kinds, packing
from simrec.index.exact import nearest
from simrec.index.index_facts import IndexFacts
from simrec.index.vectors import unit, unit_rows

QUERIES = 400  # half of them to tune by, half to judge
RESAMPLES = 1_000
REFINED = 160  # rows beyond k that are scored again where the index holds only codes
BLOCK_ROWS = 65_536  # stored rows that are made float32 at once
LOOKED_THROUGH = 100_000  # rows: 50 MB of vectors at most, some hundredths of a second


class Index:
    """Finds the rows of highest cosine. It speaks rows; ids are translated elsewhere.

    vectors are the rows [rows, dim] that are searched or scored: float32 unit rows in memory, or
    the stored matrix, mapped. FAISS' index is None where search is exact. Of an index over some rows
    of many `first` is the number of the first.
    """

    def __init__(self, index: Any, vectors: np.ndarray, facts: IndexFacts, first: int = 0) -> None:
        self._index = index
        self._vectors = vectors
        self.facts = facts
        self._first = first

    @classmethod
    def tuned_from(
        cls, built: Any, vectors: np.ndarray, facts: IndexFacts, config: IndexConfig, k: int
    ) -> "Index":
        """Return what FAISS has built over the rows, tuned for recall@k."""
        learned = replace(facts, learned_rows=facts.rows)
        return (
            cls(faiss_kinds.to_fastscan(built), vectors, learned)
            .tuned(config.recall_target, k)
            ._of(built)
        )

    @classmethod
    def exact(cls, vectors: np.ndarray) -> "Index":
        """Return what compares all rows with every query."""
        everything = {"effort": 0, "compared": 1.0, "recall": 1.0}
        return cls(
            None, vectors, IndexFacts("exact", len(vectors), vectors.shape[1], curve=[everything])
        )

    @classmethod
    def open(cls, path: Path, facts: IndexFacts, vectors: np.ndarray) -> "Index":
        """Open a saved index with the facts of its manifest; inverted lists are mapped, not read."""
        if vectors.shape != (facts.rows, facts.dim):
            raise ReleaseError(
                f"{path}: for {facts.rows} rows of {facts.dim}, the stored vectors are {vectors.shape}"
            )
        if facts.kind == "exact":
            return cls(None, vectors, facts)
        index = faiss_kinds.read(path, mapped=facts.lists > 0)
        if (index.ntotal, index.d) != (facts.rows, facts.dim):
            raise ReleaseError(
                f"{path}: {index.ntotal} rows of {index.d}, its manifest says otherwise"
            )
        faiss_kinds.set_effort(index, facts.effort)
        return cls(index, vectors, facts)

    def save(self, path: Path) -> None:
        """Write the index, whole or not at all; exact search needs no file but the vectors."""
        if self._index is not None:
            faiss_kinds.write(self._index, path)

    def among_rows(self, start: int, stop: int) -> "Index":
        """Return the same for the rows from start to stop, in the form that is quickest for many queries."""
        facts, vectors = (
            replace(self.facts, rows=stop - start),
            unit_rows(self._vectors[start:stop]),
        )
        if self._index is None:
            return Index(None, vectors, facts, start)
        whole = stop - start == self.facts.rows
        index = faiss_kinds.to_fastscan(
            self._index if whole else faiss_kinds.slice_rows(self._index, start, stop)
        )
        faiss_kinds.set_effort(index, facts.effort)
        return Index(index, vectors, facts, start)

    def changed(self, place: np.ndarray, vectors: np.ndarray, new: np.ndarray) -> "Index":
        """Return the index after a change, its lists as they were learned.

        place [rows before] is the row of each now, -1 if it is gone; vectors are the rows now, and
        `new` those that were not there.
        """
        if self._index is None:
            return Index.exact(vectors)
        since = self.facts.changed + int((place < 0).sum()) + len(new)
        facts = replace(self.facts, rows=len(vectors), changed=since)
        return Index(faiss_kinds.apply_change(self._index, place, vectors, new), vectors, facts)

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        """Return packed neighbours [queries, min(k, rows)], by (cosine down, row up), NONE where it found fewer.

        Cosines are computed from the vectors, whatever the index knows of them.
        """
        k = min(k, self.facts.rows)
        queries = np.ascontiguousarray(queries, np.float32)
        more = min(self._oversampled_k(k), self.facts.rows)
        found = (
            self._nearest(queries, more)
            if self._index is None
            else self._index.search(queries, more)[1]
        )
        return rank(queries, found, self._vectors, k, self._first)

    def _nearest(self, queries: np.ndarray, k: int) -> np.ndarray:
        """Return the k rows nearest to each query, int64 [queries, k], by looking at all; ties in no order."""
        rows, step = (
            len(self._vectors),
            len(self._vectors) if self._vectors.dtype == np.float32 else BLOCK_ROWS,
        )
        near, found = np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        for start in range(0, rows, step):
            block = unit_rows(self._vectors[start : start + step])
            scores, columns = faiss.knn(
                queries, block, min(k, len(block)), faiss.METRIC_INNER_PRODUCT
            )
            near, found = (
                np.concatenate([near, scores], 1),
                np.concatenate([found, columns + start + self._first], 1),
            )
            best = np.argsort(-near, axis=1, kind="stable")[:, :k]
            near, found = np.take_along_axis(near, best, 1), np.take_along_axis(found, best, 1)
        return found

    def search_filtered(self, query: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
        """Return the packed neighbours [min(k, rows)] of one query [dim] among some rows (int64, ascending).

        Few of them are all looked at, and so are more where the lists that are asked hold fewer than k.
        """
        query = unit(query)
        if self.facts.lists and len(rows) > LOOKED_THROUGH:
            parameters = faiss_kinds.id_filter(self._index, rows, self.facts.effort)
            found = self._index.search(
                np.ascontiguousarray(query[None]), self._oversampled_k(k), params=parameters
            )[1]
            best: np.ndarray = rank(query[None], found, self._vectors, k)[0]
            if (best != packing.NONE).all():
                return best
        exact: np.ndarray = nearest(query[None], self._vectors, rows, k)[0]
        return exact

    def _oversampled_k(self, k: int) -> int:
        """Return how many rows to ask FAISS for, so that the k best of them are those of all."""
        return k + packing.SLACK + (REFINED if faiss_kinds.has_codes_only(self._index) else 0)

    def list_order(self) -> np.ndarray:
        """Return all rows, int64 [rows], those of one inverted list together: neighbours ask for the same lists."""
        return (
            faiss_kinds.list_order(self._index) if self.facts.lists else np.arange(self.facts.rows)
        )

    def tuned(self, target: float, k: int) -> "Index":
        """Return the index with the least effort that reaches a recall@k, as measured on rows it was not chosen by.

        Neighbours with the cosine of the last true one count as found. Half the rows that are asked
        about choose the effort by bisection, the other half say what recall it reaches, and add to it
        where that is below the target.
        """
        if self._index is None:
            return self
        rows = self.facts.rows
        asked = np.linspace(0, rows - 1, QUERIES, dtype=np.int64)
        k = min(k, rows - 1)
        worst = self._kth_true_cosine(asked, k)
        low, most = faiss_kinds.efforts(self._index)
        high = most
        while low < high:
            middle = (low + high) // 2
            faiss_kinds.set_effort(self._index, middle)
            if self._recalls(asked[::2], worst[::2], k).mean() >= target:
                high = middle
            else:
                low = middle + 1
        judged = self._judged(asked[1::2], worst[1::2], k, low)
        while (
            judged.facts.recall < target and judged.facts.effort < most
        ):  # the other half may be the harder one
            more = min(most, judged.facts.effort + max(1, judged.facts.effort // 10))
            judged = self._judged(asked[1::2], worst[1::2], k, more)
        return judged._with_recall_curve(asked[1::2], worst[1::2], k)

    def with_measured_recall(self, k: int) -> "Index":
        """Return the index with its recall@k and its curve measured as it is now."""
        if self._index is None:
            return self
        asked = np.linspace(0, self.facts.rows - 1, QUERIES, dtype=np.int64)[1::2]
        k = min(k, self.facts.rows - 1)
        worst = self._kth_true_cosine(asked, k)
        return self._judged(asked, worst, k, self.facts.effort)._with_recall_curve(asked, worst, k)

    def _judged(self, asked: np.ndarray, worst: np.ndarray, k: int, effort: int) -> "Index":
        faiss_kinds.set_effort(self._index, effort)
        recalls = self._recalls(asked, worst, k)
        draws = np.random.default_rng(0).choice(recalls, (RESAMPLES, len(recalls)))
        low, high = np.quantile(draws.mean(axis=1), [0.025, 0.975])
        facts = replace(
            self.facts, effort=int(effort), recall=float(recalls.mean()), recall_low=float(low),
            recall_high=float(high), recall_k=k, recall_queries=len(asked),
        )  # fmt: skip
        return Index(self._index, self._vectors, facts)

    def _with_recall_curve(self, asked: np.ndarray, worst: np.ndarray, k: int) -> "Index":
        """Return the index with its curve; work is counted and not timed, so that equal indexes have equal facts."""
        curve = []
        for effort in faiss_kinds.effort_grid(self._index, self.facts.effort):
            faiss_kinds.set_effort(self._index, effort)
            recall = float(self._recalls(asked, worst, k).mean())
            rows = faiss_kinds.rows_scanned(
                self._index, unit_rows(self._vectors[asked]), self._oversampled_k(k + 1), effort
            )
            curve.append(
                {"effort": effort, "compared": round(rows / self.facts.rows, 6), "recall": recall}
            )
        faiss_kinds.set_effort(self._index, self.facts.effort)
        return Index(self._index, self._vectors, replace(self.facts, curve=curve))

    def _kth_true_cosine(self, asked: np.ndarray, k: int) -> np.ndarray:
        """Return the cosine of the k-th true neighbour of each row, itself left out."""
        queries = unit_rows(self._vectors[asked])
        found = self._nearest(queries, k + 1)
        found[found == asked[:, None]] = -1
        return packing.cosines_of(rank(queries, found, self._vectors, k)[:, -1])

    def _recalls(self, asked: np.ndarray, worst: np.ndarray, k: int) -> np.ndarray:
        found = self.search(unit_rows(self._vectors[asked]), k + 1)
        found[packing.rows_of(found) == asked[:, None]] = packing.NONE
        hit = (packing.cosines_of(found) >= worst[:, None] - 2 * 10.0**-packing.DECIMALS) & (
            found != packing.NONE
        )
        recalls: np.ndarray = np.minimum(hit.sum(axis=1), k) / k
        return recalls

    def _of(self, index: Any) -> "Index":
        faiss_kinds.set_effort(index, self.facts.effort)
        return Index(index, self._vectors, self.facts)


def rank(
    queries: np.ndarray, found: np.ndarray, vectors: np.ndarray, k: int, first: int = 0
) -> np.ndarray:
    """Score found rows [queries, m], -1 for none, by the vectors, and return the k best of each packed [queries, k].

    first is the row of the first vector.
    """
    packed = packing.pack(cosines(queries, np.where(found >= 0, found - first, -1), vectors), found)
    packed.sort(axis=1)
    return packed[:, :k]


def cosines(queries: np.ndarray, found: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the cosine of each query [queries, dim] to each of its found rows [queries, m], 0 to -1.

    vectors are float32 unit rows, or as stored. A pair has one cosine, to the bit, whichever of the
    two asks and beside whatever others: that is what makes a changed graph and a new one equal.
    """
    result, found = np.zeros(found.shape, np.float32), np.ascontiguousarray(found, np.int64)
    if vectors.dtype == np.float32:
        _products(result, queries, vectors, found)
        return result
    for row in range(len(found)):
        _products(
            result[row : row + 1],
            queries[row],
            unit_rows(vectors[found[row]]),
            np.arange(found.shape[1]),
        )
    result[found < 0] = 0
    return result


def _products(
    result: np.ndarray, queries: np.ndarray, vectors: np.ndarray, found: np.ndarray
) -> None:
    arrays = result, np.ascontiguousarray(queries, np.float32), np.ascontiguousarray(vectors), found
    faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
        *map(faiss.swig_ptr, arrays), vectors.shape[1], *result.shape
    )
