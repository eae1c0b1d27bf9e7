"""The FAISS index: exact while that is affordable, else inverted lists tuned to a measured recall."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from simrec import files
from simrec.config import IndexConfig
from simrec.errors import ConfigError, ReleaseError

TUNING_QUERIES = 400
TRAINING_POINTS_A_LIST = 64


@dataclass(frozen=True)
class IndexFacts:
    """How an index was built and what recall@k it reached against exact search, for the manifest."""

    kind: str
    rows: int
    dim: int
    lists: int = 0
    nprobe: int = 0
    recall: float = 1.0
    recall_k: int = 0
    recall_queries: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Index:
    """Finds the rows of highest cosine. It speaks rows; ids are translated elsewhere."""

    def __init__(self, index: Any, facts: IndexFacts) -> None:
        self._index = index
        self.facts = facts

    @classmethod
    def build(cls, vectors: np.ndarray, config: IndexConfig, k: int) -> "Index":
        """Build over float32 unit rows [rows, dim], tuned for recall@k on some of its own rows."""
        rows, dim = vectors.shape
        kind = config.kind
        if kind == "auto":
            kind = "exact" if rows <= config.exact_up_to else "ivf"
        if kind == "exact" or rows < TUNING_QUERIES:
            flat = faiss.IndexFlatIP(dim)
            flat.add(vectors)
            return cls(flat, IndexFacts("exact", rows, dim))
        return cls(*_build_ivf(vectors, config.recall_target, k))

    @classmethod
    def open(cls, path: Path, facts: dict[str, Any]) -> "Index":
        """Open a saved index with the facts of its manifest; an inverted index is mapped, not read."""
        try:
            mapped = faiss.IO_FLAG_MMAP if facts["kind"] == "ivf" else 0
            index = faiss.read_index(str(path), mapped)
        except RuntimeError as error:
            raise ReleaseError(f"{path}: not a whole index ({str(error).splitlines()[0]})") from error
        if (index.ntotal, index.d) != (facts["rows"], facts["dim"]):
            raise ReleaseError(f"{path}: {index.ntotal} rows of {index.d}, its manifest says otherwise")
        return cls(index, IndexFacts(**facts))

    def save(self, path: Path) -> None:
        """Write the index, whole or not at all."""
        with files.atomic_path(path) as temporary:
            try:
                faiss.write_index(self._index, str(temporary))
            except RuntimeError as error:  # all that FAISS says of a full disk
                raise ConfigError(f"{path}: the index could not be written; is the disk full?") from error

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        """Return int64 rows [queries, k], best first as far as the index knows, -1 where it found fewer.

        Its own scores are not returned: scores are recomputed from the stored vectors.
        """
        rows: np.ndarray = self._index.search(np.ascontiguousarray(queries, np.float32), min(k, self.facts.rows))[1]
        return rows


def _build_ivf(vectors: np.ndarray, target: float, k: int) -> tuple[Any, IndexFacts]:
    rows, dim = vectors.shape
    lists = max(1, int(4 * rows**0.5))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = TRAINING_POINTS_A_LIST
    index.cp.min_points_per_centroid = 1
    index.cp.seed = 0
    index.train(vectors)
    index.add(vectors)

    queries = np.linspace(0, rows - 1, TUNING_QUERIES, dtype=np.int64)
    tune, judge = queries[::2], queries[1::2]  # nprobe is chosen on one half, recall reported on the other
    k = min(k, rows)
    truth = faiss.knn(vectors[queries], vectors, k, metric=faiss.METRIC_INNER_PRODUCT)[1]
    low, high = 1, lists
    while low < high:
        index.nprobe = (low + high) // 2
        if _recall(index, vectors[tune], truth[::2], k) >= target:
            high = index.nprobe
        else:
            low = index.nprobe + 1
    index.nprobe = min(lists, low + max(1, low // 10))  # a margin for rows the choice has not seen
    recall = _recall(index, vectors[judge], truth[1::2], k)
    return index, IndexFacts("ivf", rows, dim, lists, int(index.nprobe), recall, k, len(judge))


def _recall(index: Any, queries: np.ndarray, truth: np.ndarray, k: int) -> float:
    found = index.search(queries, k)[1]
    hits = [len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True)]
    return float(np.mean(hits) / k)
