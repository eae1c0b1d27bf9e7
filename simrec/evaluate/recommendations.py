"""The recommendations of a release: its first places, its hubs, and how it differs from another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute, parquet

K = 10  # places of a list that are looked at

Rows = NDArray[np.integer]
Ids = Sequence[str]  # of all articles of a release, by row


class Recommendations(NamedTuple):
    """The first K places of every list, one row for each: seed, rank from 1, article, score."""

    seeds: Rows
    ranks: Rows
    articles: Rows
    scores: NDArray[np.float32]

    @classmethod
    def read(
        cls,
        path: Path,
        ids: Ids,
    ) -> "Recommendations":
        """Read the table of similar articles; ids are those of the articles, by row."""
        columns = ["article", "rank", "similar", "score"]
        table = parquet.read_table(path, columns=columns, filters=[("rank", "<=", K)])
        known_ids = pyarrow.array(ids, pyarrow.string())
        seeds = _rows(table["article"], known_ids)
        articles = _rows(table["similar"], known_ids)
        ranks = table["rank"].to_numpy()
        scores = table["score"].to_numpy()
        return cls(seeds, ranks, articles, scores)

    def count_occurrences(
        self,
        n_articles: int,
    ) -> NDArray[np.int64]:
        """Return N_K, the number of lists that each article is in, [articles]."""
        return np.bincount(self.articles, minlength=n_articles)

    def lists_of(
        self,
        seeds: Sequence[int],
    ) -> dict[int, list[int]]:
        """Return the lists of some seeds by seed, articles in order of rank; empty ones too."""
        is_wanted = np.isin(self.seeds, seeds)
        order = np.lexsort((self.ranks[is_wanted], self.seeds[is_wanted]))
        lists: dict[int, list[int]] = {seed: [] for seed in seeds}
        wanted_seeds = self.seeds[is_wanted][order].tolist()
        articles = self.articles[is_wanted][order].tolist()
        for seed, article in zip(wanted_seeds, articles, strict=True):
            lists[seed].append(article)
        return lists


def _rows(
    column: Any,
    known_ids: Any,
) -> Rows:
    """Return the row of each id, int32; ids stay dictionary codes, for there are millions."""
    encoded = column.dictionary_encode().unify_dictionaries()
    if not len(encoded):
        return np.zeros(0, np.int32)
    dictionary = encoded.chunk(0).dictionary
    row_of_code = compute.index_in(dictionary, known_ids).to_numpy().astype(np.int32)
    return np.concatenate([row_of_code[chunk.indices.to_numpy()] for chunk in encoded.chunks])


def find_hubs(
    lists: Recommendations,
    n_articles: int,
    n: int,
) -> list[tuple[int, int]]:
    """Return the n rows that are in most lists, and in how many; ties in order of rows."""
    occurrences = lists.count_occurrences(n_articles)
    best = np.argsort(-occurrences, kind="stable")[:n]
    return [(int(row), int(occurrences[row])) for row in best if occurrences[row]]


def find_lowest_scored(lists: Recommendations, n: int, duplicates: Sequence[int] = ()) -> list[int]:
    """Return the n rows whose best recommendation scores lowest, worst first.

    Rows of near-duplicates are left out.
    """
    counted = (lists.ranks == 1) & ~np.isin(lists.seeds, duplicates)
    seeds = lists.seeds[counted]
    order = np.lexsort((seeds, lists.scores[counted]))
    return [int(row) for row in seeds[order][:n]]


class KeptShares(NamedTuple):
    """Of each article with a list in two releases its rows in both, and what is left of its list.

    All are [articles], in order of the row before; a share is that of the old list which is in the
    new one, in any order.
    """

    rows: Rows
    rows_before: Rows
    shares: NDArray[np.float64]


def overlap(
    new: Recommendations,
    ids: Ids,
    old: Recommendations,
    old_ids: Ids,
) -> KeptShares:
    """Return the share of each old list that is in the new list of the same article."""
    new_rows = _rows_of_ids(old_ids, ids)
    seeds = new_rows[old.seeds]
    articles = new_rows[old.articles]
    present = (seeds >= 0) & (articles >= 0)
    new_pairs = _pair_numbers(new.seeds, new.articles, len(ids))
    old_pairs = _pair_numbers(seeds[present], articles[present], len(ids))
    is_kept = np.zeros(len(seeds), bool)
    is_kept[present] = np.isin(old_pairs, new_pairs)
    lengths = np.bincount(old.seeds, minlength=len(old_ids))
    kept = np.bincount(old.seeds, weights=is_kept, minlength=len(old_ids))
    rows_before = np.flatnonzero((lengths > 0) & (new_rows >= 0))
    shares = kept[rows_before] / lengths[rows_before]
    return KeptShares(new_rows[rows_before], rows_before, shares)


def _rows_of_ids(
    article_ids: Ids,
    ids: Ids,
) -> Rows:
    """Return the row of each id among ids, -1 where it is not."""
    row_of = {article_id: row for row, article_id in enumerate(ids)}
    return np.array([row_of.get(article_id, -1) for article_id in article_ids], np.int64)


def _pair_numbers(
    seeds: Rows,
    articles: Rows,
    n_articles: int,
) -> Rows:
    """Return a number for each pair, int64, the same for the same pair."""
    numbers: Rows = seeds.astype(np.int64) * n_articles + articles
    return numbers
