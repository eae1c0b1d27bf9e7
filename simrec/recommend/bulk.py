"""Writes the similar tables and the neighbour graph as Parquet, for loading in bulk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

from simrec import files
from simrec.index.neighbours import Graph


def write_pairs(path: Path, what: str, ids: Sequence[str], graph: Graph, most: int) -> None:
    """Write columns (what, rank from 1, similar, score): one row a pair, in order of id and rank."""
    names = pyarrow.array(ids, pyarrow.string())
    coded = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    fields = [(what, coded), ("rank", pyarrow.int32()), ("similar", coded), ("score", pyarrow.float32())]
    schema = pyarrow.schema(fields)
    start = 0
    with files.atomic_path(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for rows, scores in graph.blocks(most):
            kept = rows >= 0
            own, place = np.nonzero(kept)
            columns = [
                pyarrow.DictionaryArray.from_arrays((own + start).astype(np.int32), names),
                pyarrow.array((place + 1).astype(np.int32)),
                pyarrow.DictionaryArray.from_arrays(rows[kept].astype(np.int32), names),
                pyarrow.array(scores[kept]),
            ]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))
            start += len(rows)
