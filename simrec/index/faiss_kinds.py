"""The kinds of FAISS index: which one is chosen, how each is built, read and searched.

auto takes the first kind of this table that is for so many rows and needs at most `memory_mib` to
build:

| kind     | for                                  | bytes a row to build | beside the vectors |
|----------|--------------------------------------|----------------------|--------------------|
| exact    | up to `exact_max_rows` rows          | 8 dim + 4,096        | none               |
| ivf_flat | a recall target above CODES_RECALL   | 8 dim + 16           | 4 dim + 8          |
| ivf_pq   | all else                             | 4.25 dim + 8         | dim / 4 + 8        |
| hnsw     | by name only: no deletes, slow build | 8 dim + 600          | 4 dim + 270        |

Where the codes of ivf_pq do not reach the target, `auto` takes ivf_flat if it fits.
`python -m tests.benchmarks.index` prints the measurements that this rests on; README.md has them.
"""

import io
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from simrec import files
from simrec.config import IndexConfig
from simrec.errors import ConfigError, ReleaseError
from simrec.index.inverted_lists import CODED_DIMS, empty_lists
from simrec.index.vectors import Rows, Vectors

POINTS_PER_LIST = 64
CODES_RECALL = 0.99  # recall that 4-bit codes reach when candidates are scored exactly
HNSW_LINKS = 32
HNSW_BUILD_EFFORT = 80
HNSW_MIN_EFFORT = 16
HNSW_MAX_EFFORT = 1_024
SEED = 0
MIN_TUNED_ROWS = 400
FILTERED_EFFORT = 3  # times as many lists are probed, since each holds fewer rows that pass


def choose(rows: int, dim: int, config: IndexConfig) -> str:
    """Return the configured kind, or that of the table above; exact for too few rows to tune on."""
    if rows < MIN_TUNED_ROWS:
        return "exact"
    if config.kind != "auto":
        return config.kind
    budget = int(config.memory_mib * 2**20)
    if rows <= config.exact_max_rows and rows * (8 * dim + 4_096) <= budget:
        return "exact"
    if config.recall_target > CODES_RECALL and rows * (8 * dim + 16) <= budget:
        return "ivf_flat"
    return "ivf_flat" if dim % (2 * CODED_DIMS) else "ivf_pq"


def fallback(rows: int, dim: int, config: IndexConfig) -> str | None:
    """Return the kind that `auto` takes where the codes of ivf_pq are too coarse, if it fits."""
    fits = rows * (8 * dim + 16) <= config.memory_mib * 2**20
    has_codes = config.kind == "auto" and choose(rows, dim, config) == "ivf_pq"
    return "ivf_flat" if fits and has_codes else None


def build_hnsw(vectors: Vectors) -> Any:
    """Build HNSW over float32 unit rows."""
    index = faiss.IndexHNSWFlat(vectors.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = HNSW_BUILD_EFFORT
    index.add(vectors)
    return index


def train_ivf(kind: str, rows: int, sampled: Vectors) -> Any:
    """Return empty inverted lists for so many rows, learned from sampled float32 unit rows."""
    index = empty_lists(kind, sampled.shape[1], _nlist_for(rows))
    index.cp.max_points_per_centroid = POINTS_PER_LIST
    index.cp.min_points_per_centroid = 1
    index.cp.seed = SEED
    index.cp.spherical = True
    if kind == "ivf_pq":
        index.pq.cp.min_points_per_centroid = 1  # or FAISS warns of few rows on stderr
    index.train(sampled)
    return index


def training_rows(rows: int) -> Rows:
    """Return the rows that lists are learned from, ascending."""
    count = min(rows, POINTS_PER_LIST * _nlist_for(rows))
    return np.sort(np.random.default_rng(SEED).choice(rows, count, replace=False))


def _nlist_for(rows: int) -> int:
    return max(1, int(4 * rows**0.5))


def to_fastscan(index: Any) -> Any:
    """Return 4-bit codes packed for the registers, fastest for many queries (André et al. 2015)."""
    return faiss.IndexIVFPQFastScan(index) if isinstance(index, faiss.IndexIVFPQ) else index


def has_codes_only(index: Any) -> bool:
    """Tell whether the index holds codes and no vectors, so that candidates have to be scored."""
    return isinstance(index, faiss.IndexIVFPQ | faiss.IndexIVFPQFastScan)


def nlist(index: Any) -> int:
    """Return how many inverted lists an index has; HNSW has none."""
    return int(index.nlist) if hasattr(index, "nlist") else 0


def effort_range(index: Any) -> tuple[int, int]:
    """Return the least and the most effort of a search."""
    if nlist(index):
        return 1, nlist(index)
    return HNSW_MIN_EFFORT, HNSW_MAX_EFFORT


def effort_grid(index: Any, chosen: int) -> list[int]:
    """Return the least effort, doubled until it exceeds the chosen one, and that one; ascending."""
    least, most = effort_range(index)
    steps = [least]
    while steps[-1] <= chosen and steps[-1] < most:
        steps.append(min(most, 2 * steps[-1]))
    return sorted({*steps, chosen})


def set_effort(index: Any, effort: int) -> None:
    """Set how hard the index searches: nprobe of inverted lists, efSearch of HNSW."""
    if nlist(index):
        index.nprobe = effort
    else:
        index.hnsw.efSearch = effort


def rows_scanned(
    index: Any,
    queries: Vectors,
    k: int,
    effort: int,
) -> float:
    """Return how many rows a search for k of them compares with a query, in the mean.

    With inverted lists these are the rows of the probed lists; all centroids are compared besides.
    HNSW is searched, and counts for itself.
    """
    if nlist(index):
        sizes = np.array([index.invlists.list_size(number) for number in range(nlist(index))])
        probed = index.quantizer.search(np.ascontiguousarray(queries), effort)[1]
        return float(sizes[probed].sum(axis=1).mean())
    set_effort(index, effort)
    statistics: Any = faiss.cvar.hnsw_stats  # type: ignore[attr-defined]
    statistics.reset()
    index.search(np.ascontiguousarray(queries), k)
    return float(statistics.ndis / len(queries))


def id_filter(index: Any, rows: Rows, effort: int) -> Any:
    """Return search parameters for inverted lists that admit only the given rows, ascending."""
    allowed = np.zeros(int(index.ntotal) // 8 + 1, np.uint8)
    np.bitwise_or.at(allowed, rows >> 3, np.left_shift(1, rows & 7).astype(np.uint8))
    selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(allowed))
    nprobe = min(nlist(index), FILTERED_EFFORT * effort)
    search_parameters: Any = faiss.SearchParametersIVF
    parameters = search_parameters(sel=selector, nprobe=nprobe)
    parameters.rows = allowed  # keeps alive what FAISS only points at
    return parameters


def write(index: Any, path: Path) -> None:
    """Write an index, whole or not at all."""
    with files.atomic_path(path) as temporary:
        try:
            faiss.write_index(index, str(temporary))
        except RuntimeError as error:  # FAISS says no more of a full disk
            message = f"{path}: the index could not be written; is the disk full?"
            raise ConfigError(message) from error


def read(path: Path, mapped: bool = False) -> Any:
    """Read an index, or map its lists. ReleaseError if it is not whole."""
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP if mapped else 0)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise ReleaseError(f"{path}: not a whole index ({reason})") from error


def to_array(index: Any) -> NDArray[np.uint8]:
    """Return an index as the bytes of its file."""
    buffer = io.BytesIO()
    faiss.write_index(index, faiss.PyCallbackIOWriter(buffer.write))  # type: ignore[attr-defined]
    return np.frombuffer(buffer.getbuffer(), np.uint8)


def from_array(content: NDArray[np.uint8]) -> Any:
    """Return the index that `to_array` turned into bytes."""
    return faiss.deserialize_index(np.ascontiguousarray(content))
