"""Accounts as vectors: where an account's articles lie, seen from the middle of all accounts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simrec.config import IndexConfig
from simrec.index.neighbours import Graph, build
from simrec.index.search import Index


def similar_accounts(
    vectors: np.ndarray, accounts: Sequence[str | None], config: IndexConfig, most: int, path: Path
) -> Graph:
    """Write and return the nearest accounts of every account; rows are accounts in order of id.

    vectors are the articles' unit rows [articles, dim], accounts the account of each, or None.
    """
    _, matrix = account_vectors(vectors, accounts)
    return build(Index.build(matrix, config, most), matrix, most, path)


def account_vectors(vectors: np.ndarray, accounts: Sequence[str | None]) -> tuple[list[str], np.ndarray]:
    """Return the accounts in order of id, and float32 unit vectors [accounts, dim].

    An account is the mean of its articles less the mean over accounts: what all write about tells
    nobody apart. Where that leaves nothing (a single account), it is the plain mean.
    """
    ids = sorted({account for account in accounts if account is not None})
    row_of = {account: row for row, account in enumerate(ids)}
    owned = np.array([row_of[account] if account is not None else -1 for account in accounts], dtype=np.int64)
    sums = np.zeros((len(ids), vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, owned[owned >= 0], vectors[owned >= 0])
    means = sums / np.maximum(np.bincount(owned[owned >= 0], minlength=len(ids)), 1)[:, None]
    centred = means - means.mean(axis=0) if len(ids) > 1 else means
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    directions = np.where(lengths > 1e-6, centred, means)
    return ids, (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
