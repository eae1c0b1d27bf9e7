"""The kinds of FAISS index: which is chosen, how each is built, changed and made to try harder.

auto takes the first kind of this table that is for so many rows and needs no more than `memory_mib` to build:

| kind     | for                                 | bytes a row to build  | at rest, beside 2 dim for the vectors |
|----------|-------------------------------------|-----------------------|---------------------------------------|
| exact    | up to `exact_max_rows` rows            | 8 dim + 4,096         | none                                  |
| ivf_flat | a recall target above CODES_REACH   | 8 dim + 16            | 4 dim + 8                             |
| ivf_pq   | all else                            | 4.25 dim + 8          | dim / 4 + 8                           |
| hnsw     | by name only: no deletes, slow build | 8 dim + 300           | 4 dim + 270                           |

`python -m tests.benchmarks.index` prints the measurements that this rests on; README.md has them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from simrec import files
from simrec.config import IndexConfig
from simrec.errors import ConfigError, ReleaseError
from simrec.index.vectors import unit_rows

POINTS_A_LIST = 64
CODES_REACH = 0.99  # recall that 4-bit codes reach with the rows scored again
CODED_DIMS = 2  # of a vector, in one code of 4 bits
HNSW_LINKS, HNSW_BUILD_EFFORT, HNSW_MOST_EFFORT = 32, 80, 1_024
SEED = 0
FEWEST_ROWS = 400
FILTERED_EFFORT = 3


def choose(rows: int, dim: int, config: IndexConfig) -> str:
    """Return the kind that is asked for, or by the table above; too few rows to tune on are searched exactly."""
    if rows < FEWEST_ROWS:
        return "exact"
    if config.kind != "auto":
        return config.kind
    budget = config.memory_mib << 20
    if rows <= config.exact_max_rows and rows * (8 * dim + 4_096) <= budget:
        return "exact"
    precise = config.recall_target > CODES_REACH and rows * (8 * dim + 16) <= budget
    return "ivf_flat" if precise or dim % (2 * CODED_DIMS) else "ivf_pq"


def build_hnsw(vectors: np.ndarray) -> Any:
    """Build HNSW over float32 unit rows."""
    index = faiss.IndexHNSWFlat(vectors.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = HNSW_BUILD_EFFORT
    index.add(vectors)
    return index


def train_ivf(kind: str, rows: int, sampled: np.ndarray) -> Any:
    """Return an index without rows, its lists and codes learned from the sampled ones of so many."""
    index = _lists(kind, sampled.shape[1], _list_count(rows))
    index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = POINTS_A_LIST, 1
    index.cp.seed, index.cp.spherical = SEED, True
    if kind == "ivf_pq":
        index.pq.cp.min_points_per_centroid = 1  # or FAISS complains of few rows on stderr
    index.train(sampled)
    return index


def sample(rows: int) -> np.ndarray:
    """Return the rows that lists are learned from, int64, ascending."""
    chosen = np.random.default_rng(SEED).choice(
        rows, min(rows, POINTS_A_LIST * _list_count(rows)), replace=False
    )
    return np.sort(chosen)


def _list_count(rows: int) -> int:
    return max(1, int(4 * rows**0.5))


def _lists(kind: str, dim: int, lists: int) -> Any:
    coarse = faiss.IndexFlatIP(dim)
    if kind == "ivf_flat":
        return faiss.IndexIVFFlat(coarse, dim, lists, faiss.METRIC_INNER_PRODUCT)
    return faiss.IndexIVFPQ(coarse, dim, lists, dim // CODED_DIMS, 4, faiss.METRIC_INNER_PRODUCT)


def to_fastscan(index: Any) -> Any:
    """Return the form that is quickest for many queries: 4-bit codes packed for the registers (André et al. 2015)."""
    return faiss.IndexIVFPQFastScan(index) if isinstance(index, faiss.IndexIVFPQ) else index


def has_codes_only(index: Any) -> bool:
    """Tell whether the index holds no whole vectors, so that what it finds has to be scored again."""
    return isinstance(index, faiss.IndexIVFPQ | faiss.IndexIVFPQFastScan)


def nlist(index: Any) -> int:
    """Return how many inverted lists an index has; HNSW has none."""
    return int(index.nlist) if hasattr(index, "nlist") else 0


def efforts(index: Any) -> tuple[int, int]:
    """Return the least and the most effort a search can be told to make."""
    return (1, nlist(index)) if nlist(index) else (16, HNSW_MOST_EFFORT)


def effort_grid(index: Any, chosen: int) -> list[int]:
    """Return efforts, ascending: from the least, doubling until one is beyond the chosen one, and the chosen one."""
    least, most = efforts(index)
    steps = [least]
    while steps[-1] <= chosen and steps[-1] < most:
        steps.append(min(most, 2 * steps[-1]))
    return sorted({*steps, chosen})


def rows_scanned(index: Any, queries: np.ndarray, k: int, effort: int) -> float:
    """Return how many rows a search for k of them compares with a query [queries, dim], in the mean.

    Of inverted lists these are the rows of the lists that are asked, beside which all their centres are compared. HNSW
    is searched, and counts for itself.
    """
    if nlist(index):
        sizes = np.array([index.invlists.list_size(number) for number in range(nlist(index))])
        asked = index.quantizer.search(np.ascontiguousarray(queries), effort)[1]
        return float(sizes[asked].sum(axis=1).mean())
    set_effort(index, effort)
    counted: Any = faiss.cvar.hnsw_stats  # type: ignore[attr-defined]
    counted.reset()
    index.search(np.ascontiguousarray(queries), k)
    return float(counted.ndis / len(queries))


def set_effort(index: Any, effort: int) -> None:
    """Tell the index how hard to search: nprobe for inverted lists, efSearch for HNSW."""
    if nlist(index):
        index.nprobe = int(effort)
    else:
        index.hnsw.efSearch = int(effort)


def id_filter(index: Any, rows: np.ndarray, effort: int) -> Any:
    """Return how to search only some rows (int64, ascending) of inverted lists.

    A list holds fewer of them than of all, so that more lists are asked.
    """
    allowed = np.zeros(int(index.ntotal) // 8 + 1, np.uint8)
    np.bitwise_or.at(allowed, rows >> 3, np.left_shift(1, rows & 7).astype(np.uint8))
    selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(allowed))
    nprobe = min(nlist(index), FILTERED_EFFORT * effort)
    parameters: Any = faiss.SearchParametersIVF(sel=selector, nprobe=nprobe)  # type: ignore[call-arg]
    parameters.rows = allowed  # FAISS only points at it
    return parameters


def list_order(index: Any) -> np.ndarray:
    """Return all rows in order of their inverted list."""
    return np.concatenate([_ids(index, number) for number in range(nlist(index))])


def merge_shards(paths: Sequence[Path]) -> Any:
    """Return one index with the rows of all shards, each list in the order of the shards."""
    index = read(paths[0])
    for path in paths[1:]:
        index.merge_from(read(path), 0)
    return index


def slice_rows(index: Any, start: int, stop: int) -> Any:
    """Return the inverted lists with the rows from start to stop only, which keep their numbers."""
    now = _like(index)
    for number in range(nlist(index)):
        ids = _ids(index, number)
        inside = (ids >= start) & (ids < stop)
        _add(now, number, ids[inside], _codes(index, number)[inside])
    return now


def write(index: Any, path: Path) -> None:
    """Write an index, whole or not at all."""
    with files.atomic_path(path) as temporary:
        try:
            faiss.write_index(index, str(temporary))
        except RuntimeError as error:  # all that FAISS says of a full disk
            raise ConfigError(
                f"{path}: the index could not be written; is the disk full?"
            ) from error


def read(path: Path, mapped: bool = False) -> Any:
    """Read an index, or map its lists. ReleaseError if it is not whole."""
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP if mapped else 0)
    except RuntimeError as error:
        raise ReleaseError(f"{path}: not a whole index ({str(error).splitlines()[0]})") from error


def apply_change(index: Any, place: np.ndarray, vectors: np.ndarray, new: np.ndarray) -> Any:
    """Return the index with rows moved to their place, those without one left out, and new rows added.

    Lists and codes stay as they were learned. HNSW cannot forget, and is built again.
    """
    if not nlist(index):
        return build_hnsw(unit_rows(vectors))
    now = _like(index)
    for number in range(nlist(index)):
        ids = place[_ids(index, number)]
        _add(now, number, ids[ids >= 0], _codes(index, number)[ids >= 0])
    if len(new):
        now.add_with_ids(unit_rows(vectors[new]), new.astype(np.int64))
    return now


def _like(index: Any) -> Any:
    """Return an index with the same lists, codes and effort, and no rows."""
    now = _lists(
        "ivf_pq" if isinstance(index, faiss.IndexIVFPQ) else "ivf_flat", index.d, nlist(index)
    )
    now.quantizer.add(index.quantizer.reconstruct_n(0, nlist(index)))
    if isinstance(index, faiss.IndexIVFPQ):
        faiss.copy_array_to_vector(faiss.vector_to_array(index.pq.centroids), now.pq.centroids)
    now.is_trained = True
    set_effort(now, index.nprobe)
    return now


def _add(index: Any, number: int, ids: np.ndarray, codes: np.ndarray) -> None:
    """Add rows to one list as they were coded."""
    ids, codes = np.ascontiguousarray(ids), np.ascontiguousarray(codes)
    if len(ids):
        index.invlists.add_entries(number, len(ids), faiss.swig_ptr(ids), faiss.swig_ptr(codes))
        index.ntotal += len(ids)


def _ids(index: Any, number: int) -> np.ndarray:
    size = index.invlists.list_size(number)
    ids: np.ndarray = faiss.rev_swig_ptr(index.invlists.get_ids(number), size).copy()
    return ids


def _codes(index: Any, number: int) -> np.ndarray:
    size, width = index.invlists.list_size(number), index.code_size
    codes: np.ndarray = faiss.rev_swig_ptr(index.invlists.get_codes(number), size * width).reshape(
        size, width
    )
    return codes
