"""Accounts: where their articles lie, seen from the middle of all accounts, and which words tell them apart."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse

from simrec.arrays import open_npy, write_npy
from simrec.config import IndexConfig
from simrec.index import packing
from simrec.index.build import build_index
from simrec.index.knn_graph import KnnGraph, build_knn_graph
from simrec.index.knn_search import PACKED
from simrec.index.vectors import unit_rows
from simrec.lexical.term_vectors import TermVectors, pack, unpack
from simrec.lexical.words import TERM_IDS
from simrec.recommend.hybrid import Scoring
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages, in_turn

WORDS_SHARE = 0.8  # in the score of two accounts: of .2 to .8 the best on US news and on blogs, see docs/design.md
ACCOUNT_TERMS = 512
GATHERED = 65_536


class Relating(NamedTuple):
    """The accounts of a release, of each of which the `most` similar are wanted.

    owners is the file of each article's account. What is only needed on the way goes to `scratch`.
    """

    path: Path
    scoring: Scoring
    owners: Path
    accounts: int
    config: IndexConfig
    most: int
    scratch: Path

    def __str__(self) -> str:
        return str(self.path)


def similar_accounts(
    scoring: Scoring,
    owners: np.ndarray,
    accounts: int,
    config: IndexConfig,
    most: int,
    stages: Stages,
) -> KnnGraph:
    """Return the nearest accounts of every account; rows are accounts in order of id.

    owners are the row of each article's account, -1 for none. The accounts nearest by meaning are then
    ranked by the words that tell accounts apart as well, where words have a share in scores.
    """
    noted = stages.folder / "owners.npy"
    write_npy(noted, [owners[None]], (1, len(owners)), "<i8")
    scratch = stages.folder / "of accounts"
    task = Relating(stages.part("accounts", 0), scoring, noted, accounts, config, most, scratch)
    stages.run("accounts", relate, [task], len(owners))
    return KnnGraph.open(task.path)


def relate(task: Relating) -> int:
    """Write the nearest accounts of every account, packed [accounts, most]."""
    owners = open_npy(task.owners)[0]
    if not task.path.exists():
        task.scratch.mkdir(exist_ok=True)
        candidates = max(task.most, task.config.candidates) if task.scoring.weight else task.most
        graph = _nearest(task, owners, candidates)
        packed = np.array(graph.packed[:, : task.most])
        if task.scoring.weight and task.accounts:
            packed = _with_words(task, owners, graph, candidates)
        write_npy(task.path, [packed], packed.shape, PACKED)
    return len(owners)


def _nearest(task: Relating, owners: np.ndarray, candidates: int) -> KnnGraph:
    """Return the accounts nearest by meaning."""
    scratch = ReleaseFolder(task.scratch)
    matrix = centred_means(open_npy(task.scoring.folder.vectors), owners, task.accounts)
    write_npy(scratch.vectors, [matrix], matrix.shape, "<f4")
    stages = Stages(in_turn, task.scratch / "parts", "accounts")
    index = build_index(scratch.vectors, task.config, candidates, stages)
    index.save(scratch.index)
    return build_knn_graph(index, scratch, candidates, stages, task.config.memory_mib)


def _with_words(task: Relating, owners: np.ndarray, graph: KnnGraph, candidates: int) -> np.ndarray:
    """Return the accounts of a graph in order of meaning and words."""
    words = account_words(open_npy(task.scoring.folder.terms), owners, task.accounts)
    own, packed, start = account_terms(words), [], 0
    compare = TermVectors(own)
    for others, near in graph.blocks(candidates):
        scores = compare.hybrid_scores(near, own[start : start + len(others)], others, WORDS_SHARE)
        packed.append(np.sort(packing.pack(scores, others), axis=1)[:, : task.most])
        start += len(others)
    return np.concatenate(packed)


def account_words(terms: np.ndarray, owners: np.ndarray, accounts: int) -> sparse.csr_matrix:
    """Return the sums of the unit words of accounts' articles, sparse [accounts, TERM_IDS].

    owners are the row of each article's account, -1 for none.
    """
    sums = sparse.csr_matrix((accounts, TERM_IDS), dtype=np.float32)
    for start in range(0, len(owners), GATHERED):
        owned = owners[start : start + GATHERED]
        numbers, weights = unpack(np.asarray(terms[start : start + GATHERED])[owned >= 0])
        weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1)
        of_account = np.repeat(owned[owned >= 0], numbers.shape[1])
        part = sparse.coo_matrix((weights.ravel(), (of_account, numbers.ravel())), sums.shape)
        sums = sums + part.tocsr()
    sums.eliminate_zeros()
    return sums


def account_terms(sums: sparse.csr_matrix) -> np.ndarray:
    """Return the words that tell accounts apart, uint32 [accounts, ACCOUNT_TERMS], from the sums of their words.

    A word weighs the root of its weights over the account's articles, so that a word of many articles
    counts more than a word of one and less than all of them, times ln(accounts / accounts that use it).
    """
    _, word, used_by = np.unique(sums.indices, return_inverse=True, return_counts=True)
    weights = np.sqrt(sums.data) * np.log(sums.shape[0] / used_by)[word]
    found = np.zeros((sums.shape[0], ACCOUNT_TERMS), np.uint32)
    for row, (begin, end) in enumerate(pairwise(sums.indptr)):
        best = begin + np.lexsort((sums.indices[begin:end], -weights[begin:end]))[:ACCOUNT_TERMS]
        best = best[weights[best] > 0]
        found[row, : len(best)] = pack(sums.indices[best], weights[best])
    return found


def account_vectors(
    vectors: np.ndarray, accounts: Sequence[str | None]
) -> tuple[list[str], np.ndarray]:
    """Return the accounts in order of id, and float32 unit vectors [accounts, dim] of them."""
    ids = sorted({account for account in accounts if account is not None})
    return ids, centred_means(vectors, account_rows(ids, accounts), len(ids))


def centred_means(vectors: np.ndarray, owners: np.ndarray, accounts: int) -> np.ndarray:
    """Return accounts as float32 unit vectors [accounts, dim]; owners are the row of each article's account, or -1.

    An account is the mean of its articles less the mean over accounts: what all write about tells
    nobody apart. Where that leaves nothing (a single account), it is the plain mean.
    """
    sums = np.zeros((accounts, vectors.shape[1]), dtype=np.float64)
    for start in range(0, len(owners), GATHERED):
        owned = owners[start : start + GATHERED]
        own = np.flatnonzero(owned >= 0)
        ones = sparse.csr_matrix(
            (np.ones(len(own)), (owned[own], np.arange(len(own)))), (accounts, len(own))
        )
        sums += ones @ unit_rows(vectors[start : start + GATHERED][own]).astype(np.float64)
    means = sums / np.maximum(np.bincount(owners[owners >= 0], minlength=accounts), 1)[:, None]
    centred = means - means.mean(axis=0) if accounts > 1 else means
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    directions = np.where(lengths > 1e-6, centred, means)
    unit: np.ndarray = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(
        np.float32
    )
    return unit


def account_rows(ids: Sequence[str], accounts: Sequence[str | None]) -> np.ndarray:
    """Return the row of each article's account, -1 for none."""
    row_of: dict[str | None, int] = {account: row for row, account in enumerate(ids)}
    return np.array([row_of.get(account, -1) for account in accounts], dtype=np.int64)
