"""Evidence: the pairs of articles that make two accounts similar."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from simrec import files
from simrec.arrays import open_npy, write_npy
from simrec.index import packing
from simrec.index.knn_search import PART
from simrec.index.vectors import unit_rows
from simrec.recommend.candidates import NO_GROUP
from simrec.recommend.hybrid import HybridScorer, RankedCandidates, Scoring, packed_of
from simrec.tasks.stages import Stages

PAIRS = 3  # of articles are shown for a pair of accounts
NEAREST = 40  # candidates of an article are looked through
MOST_ARTICLES = 64  # of an account are compared where no candidates are


class Looking(NamedTuple):
    """A part of the rescored candidates, from row `start` on, to be looked through for wanted pairs of accounts.

    wanted is the file of their numbers, account * accounts + similar, ascending; owners that of the account of each
    article.
    """

    path: Path
    candidates: Path
    start: int
    wanted: Path
    owners: Path
    accounts: int

    def __str__(self) -> str:
        return str(self.path)


def evidence(
    related: np.ndarray,
    candidates: RankedCandidates,
    owners: np.ndarray,
    scoring: Scoring,
    stages: Stages,
) -> np.ndarray:
    """Return the article pairs of highest score for pairs of accounts, at most PAIRS of each.

    related are accounts int [accounts, most], -1 for none; owners the account of each article. It comes
    as a structured array of account, similar (accounts), article, other (rows) and score, in order of
    accounts and score. Where articles of two accounts are no candidates of each other, the last
    MOST_ARTICLES of each are compared.
    """
    count = len(related)
    account, place = np.nonzero(related >= 0)
    wanted = np.sort(account * count + related[account, place])
    noted = stages.folder / "wanted.npy", stages.folder / "owners.npy"
    for path, column in zip(noted, (wanted, owners), strict=True):
        write_npy(path, [column[None]], (1, len(column)), "<i8")
    tasks = [
        Looking(stages.part("evidence", n), part, n * PART, *noted, count)
        for n, part in enumerate(candidates.parts)
    ]
    stages.run("evidence", look_through, tasks, len(owners))
    found = _best(np.concatenate([open_npy(task.path) for task in tasks]), count)
    missing = np.setdiff1d(wanted, found["account"] * count + found["similar"])
    of_account, vectors, joint = (
        _articles(owners, count),
        open_npy(scoring.folder.vectors),
        scoring.open(),
    )
    compared = [
        _compared(one, other, of_account[one], of_account[other], vectors, joint)
        for one, other in zip((missing // count).tolist(), (missing % count).tolist(), strict=True)
    ]
    return _best(np.concatenate([found, *compared]), count)


PAIR = np.dtype(
    [("account", "i8"), ("similar", "i8"), ("article", "i8"), ("other", "i8"), ("score", "f4")]
)


def look_through(task: Looking) -> int:
    """Write the wanted pairs of accounts whose articles are candidates of each other."""
    packed = packed_of(task.candidates)[:, :NEAREST]
    if not task.path.exists():
        wanted, owners, count = (
            open_npy(task.wanted)[0],
            open_npy(task.owners)[0],
            task.accounts,
        )
        rows, scores = packing.rows_of(packed), packing.cosines_of(packed)
        own = owners[task.start : task.start + len(rows)]
        theirs = np.where(rows >= 0, owners[rows], NO_GROUP)
        key = np.where((own[:, None] >= 0) & (theirs >= 0), own[:, None] * count + theirs, -1)
        known = (
            wanted[np.minimum(np.searchsorted(wanted, key), len(wanted) - 1)] == key
            if len(wanted)
            else key < -1
        )
        seed, place = np.nonzero(known & (key >= 0))
        found = np.empty(len(seed), PAIR)
        found["account"], found["similar"] = own[seed], theirs[seed, place]
        found["article"], found["other"], found["score"] = (
            seed + task.start,
            rows[seed, place],
            scores[seed, place],
        )
        best = _best(found, count)
        with files.atomic_path(task.path) as temporary, temporary.open("wb") as file:
            np.save(file, best, allow_pickle=False)
    return len(packed)


def _best(found: np.ndarray, count: int) -> np.ndarray:
    """Return the PAIRS of highest score of each pair of accounts, ties by row."""
    key = found["account"] * count + found["similar"]
    order = np.lexsort((found["other"], found["article"], -found["score"], key))
    found, key = found[order], key[order]
    kept: np.ndarray = found[packing.rank_in_group(key) < PAIRS]
    return kept


def _articles(owners: np.ndarray, count: int) -> list[np.ndarray]:
    """Return the rows of each account's articles, the last MOST_ARTICLES of them."""
    order = np.argsort(owners, kind="stable")
    edges = np.searchsorted(owners[order], np.arange(count + 1))
    return [
        order[begin:end][-MOST_ARTICLES:] for begin, end in zip(edges[:-1], edges[1:], strict=True)
    ]


def _compared(
    account: int,
    similar: int,
    own: np.ndarray,
    others: np.ndarray,
    vectors: np.ndarray,
    joint: HybridScorer,
) -> np.ndarray:
    """Return the best pairs of articles of two accounts, by comparing all of them."""
    cosines = (unit_rows(vectors[own]) @ unit_rows(vectors[others]).T).round(packing.DECIMALS)
    scores = joint.scores(own, np.broadcast_to(others, cosines.shape), cosines)
    best = np.argsort(-scores, axis=None, kind="stable")[:PAIRS]
    left, right = np.unravel_index(best, scores.shape)
    found = np.empty(len(best), PAIR)
    found["account"], found["similar"] = account, similar
    found["article"], found["other"], found["score"] = (
        own[left],
        others[right],
        scores[left, right].round(6),
    )
    return found
