"""Writes the similar tables and the neighbour graph as Parquet, for loading in bulk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

from simrec import files
from simrec.index.neighbours import Neighbours


def write_pairs(path: Path, what: str, ids: Sequence[str], neighbours: Neighbours, most: int) -> None:
    """Write columns (what, rank from 1, similar, score): one row a pair, in order of id and rank."""
    rows, scores = neighbours.rows[:, :most], neighbours.scores[:, :most]
    kept = rows >= 0
    own, place = np.nonzero(kept)
    names = pyarrow.array(ids, pyarrow.string())
    columns = {
        what: pyarrow.DictionaryArray.from_arrays(own.astype(np.int32), names),
        "rank": (place + 1).astype(np.int32),
        "similar": pyarrow.DictionaryArray.from_arrays(rows[kept], names),
        "score": scores[kept],
    }
    with files.atomic_path(path) as temporary:
        parquet.write_table(pyarrow.table(columns), temporary)
