"""Writes the tables of a release as Parquet, for loading in bulk."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import compute, parquet

from simrec import files
from simrec.articles.article import Account
from simrec.articles.store import ArticleMeta
from simrec.index.knn_graph import KnnGraph
from simrec.recommend.candidates import NO_GROUP
from simrec.recommend.exposure import RankedLists
from simrec.recommend.shared_words import WORDS, SharedWords

BLOCK = 65_536
CODED = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())


def write_table(path: Path, schema: pyarrow.Schema, parts: Iterator[list[pyarrow.Array]]) -> None:
    """Write a table part by part, whole or not at all."""
    with files.atomic_path(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for part in parts:
            writer.write_table(pyarrow.Table.from_arrays(part, schema=schema))


def write_similar_articles(
    path: Path, articles: Sequence[ArticleMeta], listed: RankedLists, reasons: SharedWords
) -> None:
    """Write columns article, rank from 1, similar, score, place, reason, in order of article and rank.

    place is the rank by score alone, 0 for what was given the place for want of any.
    """
    ids = pyarrow.array([article.id for article in articles], pyarrow.string())
    explained = _Explained(articles, reasons.words, listed.rows.shape[1])

    def parts() -> Iterator[list[pyarrow.Array]]:
        for start in range(0, len(listed.rows), BLOCK):
            rows, places = (
                listed.rows[start : start + BLOCK],
                listed.score_ranks[start : start + BLOCK],
            )
            own, rank = np.nonzero(rows >= 0)
            others, place = rows[own, rank], places[own, rank]
            yield [
                coded(own + start, ids),
                pyarrow.array((rank + 1).astype(np.int32)),
                coded(others, ids),
                pyarrow.array(listed.scores[start : start + BLOCK][own, rank]),
                pyarrow.array(place.astype(np.int32)),
                explained.texts(
                    own + start, others, place, reasons.of(start, start + len(rows))[own, rank]
                ),
            ]

    fields = [
        ("article", CODED),
        ("rank", pyarrow.int32()),
        ("similar", CODED),
        ("score", pyarrow.float32()),
    ]
    schema = pyarrow.schema([*fields, ("place", pyarrow.int32()), ("reason", pyarrow.string())])
    write_table(path, schema, parts())


def write_similar_accounts(
    path: Path, accounts: Sequence[Account], related: KnnGraph, most: int, few: int
) -> None:
    """Write columns account, rank from 1, similar, score, articles (of the similar one), few, in order.

    few marks accounts of so few articles that their rank is a guess.
    """
    ids = pyarrow.array([account.id for account in accounts], pyarrow.string())
    counts = np.array([account.articles for account in accounts], np.int32)

    def parts() -> Iterator[list[pyarrow.Array]]:
        start = 0
        for rows, scores in related.blocks(most):
            own, rank = np.nonzero(rows >= 0)
            others = rows[own, rank]
            first = [
                coded(own + start, ids),
                pyarrow.array((rank + 1).astype(np.int32)),
                coded(others, ids),
            ]
            is_few = np.minimum(counts[own + start], counts[others]) < few
            yield [*first, *map(pyarrow.array, (scores[own, rank], counts[others], is_few))]
            start += len(rows)

    fields = [
        ("account", CODED),
        ("rank", pyarrow.int32()),
        ("similar", CODED),
        ("score", pyarrow.float32()),
    ]
    write_table(
        path,
        pyarrow.schema([*fields, ("articles", pyarrow.int32()), ("few", pyarrow.bool_())]),
        parts(),
    )


def write_evidence(
    path: Path, articles: Sequence[ArticleMeta], accounts: Sequence[Account], found: np.ndarray
) -> None:
    """Write columns account, similar (account), article, similar_article, score."""
    names = pyarrow.array([account.id for account in accounts], pyarrow.string())
    ids = pyarrow.array([article.id for article in articles], pyarrow.string())
    columns = [_used(found["account"], names), _used(found["similar"], names)]
    columns += [
        _used(found["article"], ids),
        _used(found["other"], ids),
        pyarrow.array(found["score"]),
    ]
    fields = [(name, CODED) for name in ("account", "similar", "article", "similar_article")]
    write_table(path, pyarrow.schema([*fields, ("score", pyarrow.float32())]), iter([columns]))


def write_duplicates(path: Path, articles: Sequence[ArticleMeta], originals: np.ndarray) -> None:
    """Write columns article, original: what is a near-duplicate of what was published first."""
    ids = pyarrow.array([article.id for article in articles], pyarrow.string())
    rows = np.flatnonzero((originals != NO_GROUP) & (originals != np.arange(len(originals))))
    columns = [_used(rows, ids), _used(originals[rows], ids)]
    write_table(path, pyarrow.schema([("article", CODED), ("original", CODED)]), iter([columns]))


def coded(rows: np.ndarray, names: pyarrow.Array) -> pyarrow.DictionaryArray:
    """Return names by their rows."""
    return pyarrow.DictionaryArray.from_arrays(rows.astype(np.int32), names)


def _used(rows: np.ndarray, names: pyarrow.Array) -> pyarrow.DictionaryArray:
    """Return names by their rows, where most are not used."""
    return names.take(pyarrow.array(rows)).dictionary_encode()


class _Explained:
    """Says in a text why a pair is in the table."""

    def __init__(self, articles: Sequence[ArticleMeta], words: Sequence[str], most: int) -> None:
        self._words, self._most = pyarrow.array(words, pyarrow.string()), most
        self._same = {
            "same account": _codes([article.account for article in articles]),
            "same category": _codes([article.category for article in articles]),
        }

    def texts(
        self, own: np.ndarray, others: np.ndarray, place: np.ndarray, shared: np.ndarray
    ) -> pyarrow.Array:
        """Return the reasons of pairs: shared words [pairs, WORDS], account and category, and what a rule did."""
        numbers = (shared[:, n] - 1 for n in range(WORDS))
        words = [self._words.take(pyarrow.array(number, mask=number < 0)) for number in numbers]
        said = [compute.utf8_ltrim(_listed(words, ", "), ", ")]
        said[0] = _where(compute.not_equal(said[0], ""), said[0])
        for what, codes in self._same.items():
            said.append(_where((codes[own] == codes[others]) & (codes[own] != NO_GROUP), what))
        said.append(_where(place == 0, "seldom recommended"))
        by_score = compute.binary_join_element_wise(
            "number", pyarrow.array(place).cast("string"), "by score", " "
        )
        said.append(_where(place > self._most, by_score))
        return compute.utf8_ltrim(_listed(said, "; "), "; ")


def _where(true: "np.ndarray | pyarrow.Array", said: "str | pyarrow.Array") -> pyarrow.Array:
    return compute.if_else(pyarrow.array(true), said, None)


def _listed(said: Sequence[pyarrow.Array], separator: str) -> pyarrow.Array:
    """Join texts that are not null, each after the separator; pyarrow's own skipping drops rows that are all null."""
    parts = [
        compute.coalesce(compute.binary_join_element_wise(separator, text, ""), "") for text in said
    ]
    return compute.binary_join_element_wise(*parts, "")


def _codes(names: Sequence[str | None]) -> np.ndarray:
    """Return a number for every name, the same for the same; NOBODY for None, and for all where all have one."""
    known: dict[str, int] = {}
    codes = np.array(
        [NO_GROUP if name is None else known.setdefault(name, len(known)) for name in names],
        np.int64,
    )
    return codes if len(known) > 1 else np.full(len(codes), NO_GROUP)
