"""Arrays: blocks and groups of rows, .npy files, which are mapped, and .npz files, read whole."""

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec import files
from simrec.errors import ReleaseError

Rows = NDArray[np.int64]  # numbers of rows or of groups, -1 for none
Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]

MARKED_ROWS = 16  # for each row that is looked for, up to which a mark for all rows is quicker

# What zipfile and NumPy raise for damage depends on the byte: a header may claim 2^60 rows.
DAMAGE = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, MemoryError, OverflowError, SyntaxError,
    TypeError, struct.error, tokenize.TokenError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def row_blocks(stop: int, block_rows: int, start: int = 0) -> Iterator[slice]:
    """Yield the rows from start to stop as slices of block_rows, the last one with what is left."""
    for begin in range(start, stop, block_rows):
        yield slice(begin, min(begin + block_rows, stop))


def distinct_rows(rows: Rows, n_rows: int) -> tuple[Rows, Rows]:
    """Return the distinct rows below n_rows, ascending, and where each row is among them.

    The places have the shape of the rows; row -1 is not among the former, and has place -1.
    """
    if n_rows > MARKED_ROWS * rows.size:
        distinct = np.unique(rows)
        distinct = distinct[distinct >= 0]
        return distinct, np.where(rows >= 0, np.searchsorted(distinct, rows), -1)
    is_there = np.zeros(n_rows + 1, bool)
    is_there[rows] = True  # -1 is the last
    is_there[-1] = False
    place_of = is_there.cumsum() - 1
    place_of[-1] = -1
    return np.flatnonzero(is_there), place_of[rows]


def rank_in_group(groups: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the rank, from 0, of each element in its group; a group's elements stand together."""
    is_start = np.ones(len(groups), bool)
    is_start[1:] = groups[1:] != groups[:-1]
    starts = np.flatnonzero(is_start)
    sizes = np.diff(starts, append=len(groups))
    return np.arange(len(groups)) - np.repeat(starts, sizes)


def write_npy(
    path: Path,
    blocks: Iterable[NDArray[Any]],
    shape: tuple[int, ...],
    dtype: str = "<f2",
) -> None:
    """Write blocks of rows as one .npy file of that shape, whole or not at all.

    The blocks go through a file and not a mapping: on a full disk a write fails with an error, a
    mapping with a signal that kills the process.
    """
    with files.atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(npy_header(shape, dtype))
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=dtype).data)


def npy_header(shape: tuple[int, ...], dtype: str) -> bytes:
    """Return the first bytes of a .npy file of that shape."""
    header = io.BytesIO()
    fields = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, fields)
    return header.getvalue()


def open_npy(path: Path) -> NDArray[Any]:
    """Map a .npy file, as a plain array, which is sliced in half the time of a memmap."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def write_npz(path: Path, **arrays: NDArray[Any]) -> None:
    """Write named arrays, whole or not at all; equal arrays give equal bytes."""
    with files.atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_npz(path: Path, mend: str, *names: str) -> list[NDArray[Any]]:
    """Read arrays by name; the CRC of each detects a flipped byte in it.

    ReleaseError for a damaged file; its sentence ends with `mend`, what the reader can do.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return [stored[name] for name in names]
    except PermissionError:
        raise
    except DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise ReleaseError(f"{path}: damaged ({reason}); {mend}") from error
