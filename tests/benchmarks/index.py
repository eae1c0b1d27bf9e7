"""Benchmarks of index and neighbour graph: `python -m tests.benchmarks.index [--vectors FILE.npy] [WHAT ...]`.

WHAT is some of exact, approximate, autofaiss, million, update, cold; all without any. FILE.npy
holds embeddings [rows, dim]; without it, vectors are drawn in clusters like those of sentences. One
thread, CPU seconds, ratios within one run. What compares with hnswlib and autofaiss is left out
with a sentence where they are absent.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
from threadpoolctl import threadpool_limits

from simrec.config import IndexConfig
from simrec.index import packing
from simrec.index.incremental import diff_rows, update_knn_graph
from simrec.index.vector_index import VectorIndex
from simrec.index.vectors import unit
from tests.benchmarks.machine import ROOT, cpu_seconds, print_machine
from tests.index.made import graph_of, index_of, stages

ROWS, DIM, MILLION, K = 100_000, 256, 1_000_000, 20
SLICE = 2_000  # rows that a cost is extrapolated from


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vectors", type=Path)
    known = {
        "exact": exact,
        "approximate": approximate,
        "autofaiss": autofaiss,
        "million": million,
        "update": changed,
        "cold": cold,
    }
    parser.add_argument("what", nargs="*", choices=[*known, []])
    asked = parser.parse_args()
    print_machine(f"python -m tests.benchmarks.index {' '.join(sys.argv[1:])}")
    source = np.load(asked.vectors, mmap_mode="r") if asked.vectors else None
    print(
        f"vectors: {f'{asked.vectors.name}, {len(source):,} rows' if source is not None else 'drawn in clusters'}"
    )
    with threadpool_limits(1):
        for name in asked.what or known:
            known[name](source)


def rows(source: np.ndarray | None, count: int) -> np.ndarray:
    """Return that many unit rows: of the source, with noise where it has too few; or drawn in clusters."""
    random = np.random.default_rng(0)
    if source is None and count > ROWS:  # more clusters than that are no clusters any more
        source = rows(None, ROWS)
    if source is None:
        centres = random.normal(size=(count // 50, DIM)).astype(np.float32)
        spread = (
            np.arange(1, DIM + 1, dtype=np.float32) ** -0.5
        )  # as the axes of real embeddings fall off
        noise = random.normal(size=(count, DIM)).astype(np.float32)
        return unit((0.6 * centres[random.integers(0, len(centres), count)] + noise) * spread)
    if count <= len(source):
        return unit(np.asarray(source[np.sort(random.choice(len(source), count, replace=False))]))
    drawn = unit(np.asarray(source[random.integers(0, len(source), count)]))
    for start in range(0, count, ROWS):
        part = drawn[start : start + ROWS]
        part += 0.5 / DIM**0.5 * random.normal(size=part.shape).astype(np.float32)
    return unit(drawn)


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds that it takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def graph(
    vectors: np.ndarray, config: IndexConfig, k: int
) -> tuple[VectorIndex, np.ndarray, float, float]:
    """Return index, found rows [rows, k], and CPU seconds of building it and of the graph."""
    with tempfile.TemporaryDirectory() as folder:
        built: list[VectorIndex] = []
        build = cpu(lambda: built.append(index_of(vectors, config, K, Path(folder))))
        search = cpu(lambda: graph_of(built[0], k, Path(folder), config.memory_mib))
        return built[0], packing.rows_of(np.load(Path(folder) / "graph.npy")[:, :k]), build, search


def recall(vectors: np.ndarray, found: np.ndarray, k: int = K) -> float:
    """Return the share of the true k neighbours that were found, over some rows."""
    asked = np.linspace(0, len(vectors) - 1, 500, dtype=np.int64)
    truth = faiss.knn(vectors[asked], vectors, k + 1, metric=faiss.METRIC_INNER_PRODUCT)[1]
    hits = [
        len(set(t[t != row][:k]) & set(found[row, :k])) / k
        for row, t in zip(asked, truth, strict=True)
    ]
    return float(np.mean(hits))


def exact(source: np.ndarray | None) -> None:
    """The exact graph beside a plain exact search, for the neighbours that are published and for all that are kept."""
    vectors = rows(source, ROWS)
    print(f"\n| exact graph, {ROWS:,} x {vectors.shape[1]} | k = {K} | k = 100 |\n|---|---|---|")
    ours, plain = [], []
    for k in (K, 100):
        ours.append(sum(graph(vectors, IndexConfig(kind="exact"), k)[2:]))
        plain.append(
            cpu(lambda k=k: faiss.knn(vectors, vectors, k + 1, metric=faiss.METRIC_INNER_PRODUCT))
        )
    from sklearn.neighbors import NearestNeighbors

    brute = NearestNeighbors(n_neighbors=K + 1, algorithm="brute", metric="cosine").fit(vectors)
    slow = cpu(lambda: brute.kneighbors(vectors[:SLICE])) * ROWS / SLICE
    print(f"| simrec, CPU s | {ours[0]:.1f} | {ours[1]:.1f} |")
    print(
        f"| faiss.knn | {plain[0]:.1f} ({plain[0] / ours[0]:.2f} x) | {plain[1]:.1f} ({plain[1] / ours[1]:.2f} x) |"
    )
    print(
        f"| scikit-learn brute cosine, from {SLICE:,} rows | {slow:.0f} ({slow / ours[0]:.1f} x) | |"
    )


def approximate(source: np.ndarray | None) -> None:
    """Build and graph of each kind at recall@20 of .95 and .98, beside hnswlib."""
    vectors = rows(source, ROWS)
    print(
        f"\n| {ROWS:,} x {vectors.shape[1]}, graph of {K} | recall@{K} | build, CPU s | graph | both |\n"
        "|---|---|---|---|---|"
    )
    for target in (0.95, 0.98):
        for kind in ("ivf_pq", "ivf_flat"):
            _, found, build, search = graph(
                vectors, IndexConfig(kind=kind, recall_target=target), K
            )
            print(
                f"| {kind} | {recall(vectors, found):.3f} | {build:.1f} | {search:.1f} | {build + search:.1f} |",
                flush=True,
            )
        if importlib.util.find_spec("hnswlib"):
            print_hnswlib(vectors, target)
    if not importlib.util.find_spec("hnswlib"):
        print("\nwithout hnswlib: pip install hnswlib")


def print_hnswlib(vectors: np.ndarray, target: float) -> None:
    """The same with hnswlib, at the least ef that reaches the target."""
    import hnswlib

    index = hnswlib.Index("ip", vectors.shape[1])
    index.init_index(len(vectors), ef_construction=100, M=16)
    index.set_num_threads(1)
    build = cpu(lambda: index.add_items(vectors))
    asked = np.linspace(0, len(vectors) - 1, 500, dtype=np.int64)
    for ef in (30, 40, 60, 80, 120, 160, 240, 320, 480, 640):
        index.set_ef(ef)
        found = np.full((len(vectors), K), -1)
        part = index.knn_query(vectors[asked], K + 1)[0].astype(np.int64)
        found[asked] = [line[line != row][:K] for row, line in zip(asked, part, strict=True)]
        reached = recall(vectors, found)
        if reached >= target:
            break
    search = cpu(lambda: index.knn_query(vectors[:20_000], K + 1)) * len(vectors) / 20_000
    print(
        f"| hnswlib, M 16, ef {ef} | {reached:.3f} | {build:.1f} | {search:.1f} | {build + search:.1f} |",
        flush=True,
    )


AUTOFAISS = """
import sys, numpy as np
from autofaiss import build_index
folder = sys.argv[1]
build_index(np.load(folder + "/float32.npy"), index_path=folder + "/auto.index", index_infos_path=folder + "/auto.json",
            max_index_memory_usage="100MB", current_memory_available="4GB", metric_type="ip", verbose=40)
"""


def autofaiss(source: np.ndarray | None) -> None:
    """Questions a second of what auto and autofaiss choose within 100 MB, both told to reach the same recall."""
    vectors = rows(source, ROWS)
    with tempfile.TemporaryDirectory() as name:
        np.save(f"{name}/float32.npy", vectors)
        other = os.environ.get("AUTOFAISS_PYTHON", sys.executable)
        ran = subprocess.run([other, "-c", AUTOFAISS, name], capture_output=True, text=True)
        if ran.returncode:
            print(
                "\nwithout autofaiss: AUTOFAISS_PYTHON has to name a Python that has it, pyarrow<22 and numpy<2"
            )
            return
        theirs = faiss.read_index(f"{name}/auto.index")
    print(f"\n| {ROWS:,} x {vectors.shape[1]}, 100 MB | recall@{K} | questions/s |\n|---|---|---|")
    asked = np.linspace(0, ROWS - 1, 4_096, dtype=np.int64)
    for target in (0.95, 0.98):
        config = IndexConfig(exact_max_rows=0, recall_target=target)
        with tempfile.TemporaryDirectory() as folder:
            index = index_of(vectors, config, K, Path(folder)).slice(0, ROWS)
        ours = answer(
            vectors,
            asked,
            lambda queries, index=index: index.search(queries, K + 1).rows,
        )
        inverted = faiss.extract_index_ivf(theirs)
        for nprobe in range(1, inverted.nlist, 2):
            inverted.nprobe = nprobe
            reached, speed = answer(
                vectors, asked, lambda queries: theirs.search(queries, K + 1)[1]
            )
            if reached >= target:
                break
        print(f"| simrec, {index.facts.kind} | {ours[0]:.3f} | {ours[1]:,.0f} |")
        print(
            f"| autofaiss, {inverted.nlist} lists of {type(inverted).__name__} | {reached:.3f} | {speed:,.0f} |"
        )
        print(f"| | | {ours[1] / speed:.1f} x |", flush=True)


def answer(
    vectors: np.ndarray, asked: np.ndarray, search: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, float]:
    """Return recall and questions a second, asked in blocks."""
    found = np.full((len(vectors), K), -1)

    def ask() -> None:
        for block in np.array_split(asked, len(asked) // 512):
            for row, line in zip(block, search(vectors[block]), strict=True):
                found[row] = np.append(line[line != row], -1)[:K]

    spent = cpu(ask)
    truth = faiss.knn(vectors[asked[:500]], vectors, K + 1, metric=faiss.METRIC_INNER_PRODUCT)[1]
    right = [
        len(set(t[t != row][:K]) & set(found[row])) / K
        for row, t in zip(asked[:500], truth, strict=True)
    ]
    return float(np.mean(right)), len(asked) / spent


REFRESH = """
import json, resource, sys, time
from pathlib import Path
from threadpoolctl import threadpool_limits
import simrec.index.vector_index
from simrec.config import IndexConfig
from simrec.index.refresh import refresh
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages, in_turn
folder, rows = Path(sys.argv[1]), int(sys.argv[2])
with threadpool_limits(1):
    stages, config = Stages(in_turn, folder / "parts", ""), IndexConfig(recall_target=0.95)
    refresh(ReleaseFolder(folder), range(rows), None, config, 20, stages)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss >> 10}))
"""


def million(source: np.ndarray | None) -> None:
    """The index step of a million rows beside exact search, extrapolated from a slice; and its peak memory."""
    vectors = rows(source, MILLION)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "vectors.npy", vectors.astype(np.float16))
        ran = subprocess.run(
            [sys.executable, "-c", REFRESH, name, str(MILLION)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        facts = json.loads((folder / "index.json").read_text())
        found = packing.rows_of(np.load(folder / "graph.npy", mmap_mode="r")[:, :K])
    spent = json.loads(ran.stdout)
    slow = (
        cpu(lambda: faiss.knn(vectors[:SLICE], vectors, K + 1, metric=faiss.METRIC_INNER_PRODUCT))
        * MILLION
        / SLICE
    )
    print(
        f"\n| {MILLION:,} x {vectors.shape[1]}, index and graph of 100 | recall@{K} | CPU s "
        f"| exact, from {SLICE:,} rows | ratio | peak MiB |\n|---|---|---|---|---|---|"
    )
    print(
        f"| {facts['kind']}, {facts['effort']} of {facts['lists']} lists | {recall(vectors, found):.3f} "
        f"| {spent['cpu']:.0f} | {slow:.0f} | {slow / spent['cpu']:.1f} x | {spent['peak']:,} |"
    )


def changed(source: np.ndarray | None) -> None:
    """A night with one per cent of the rows changed beside one from scratch, and whether both are equal."""
    vectors = rows(source, ROWS).astype(np.float16)
    ids = [f"{row:07d}" for row in range(ROWS)]
    now = vectors.copy()
    moved = np.random.default_rng(1).choice(ROWS, ROWS // 100, replace=False)
    now[moved] = np.roll(now[moved], 1, axis=0)
    with tempfile.TemporaryDirectory() as name:
        folder, config = Path(name), IndexConfig(kind="exact")

        def scratch(matrix: np.ndarray, made: Path) -> Path:
            graph_of(index_of(matrix, config, K, made), 100, made)
            return made / "graph.npy"

        def follow_change() -> None:
            np.save(folder / "now.npy", now)
            changed = diff_rows(ids, ids, vectors, now)
            update_knn_graph(
                before,
                folder / "now.npy",
                changed,
                folder / "followed.npy",
                stages(folder / "following"),
            )

        before = scratch(vectors, folder / "before")
        follow = cpu(follow_change)
        whole = cpu(lambda: scratch(now, folder / "whole"))
        same = np.array_equal(
            np.load(folder / "followed.npy")[:, :100], np.load(folder / "whole/graph.npy")[:, :100]
        )
    print(
        f"\n| {ROWS:,} rows, 1 % changed, 100 neighbours | CPU s |\n|---|---|\n| from scratch | {whole:.2f} |"
    )
    print(
        f"| following the change | {follow:.2f} ({follow / whole:.1%}), {'equal' if same else 'NOT EQUAL'} |"
    )


COLD = """
import sys, numpy as np
from pathlib import Path
from simrec.index.index_facts import IndexFacts
from simrec.index.vector_index import VectorIndex
folder = Path(sys.argv[1])
stored = np.load(folder / "vectors.npy", mmap_mode="r")
index = VectorIndex.open(folder / "index.faiss", IndexFacts.read(folder / "index.json"), stored)
print(index.search(np.asarray(stored[7:8], np.float32), 10).rows.shape)
"""
WHOLE = """
import sys, faiss, numpy as np
index = faiss.read_index(sys.argv[1] + "/index.faiss")
stored = np.load(sys.argv[1] + "/vectors.npy").astype(np.float32)
index.nprobe = 16
found = index.search(stored[7:8], 80)[1][0]
print((stored[found] @ stored[7]).argsort()[::-1][:10].shape)
"""


def cold(source: np.ndarray | None) -> None:
    """One question to a million rows in a cold process, beside reading index and vectors whole."""
    vectors = rows(source, MILLION)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        index = index_of(vectors, IndexConfig(kind="ivf_pq", recall_target=0.95), K, folder)
        index.save(folder / "index.faiss")
        np.save(folder / "vectors.npy", vectors.astype(np.float16))
        index.facts.write(folder / "index.json")
        imports = np.median(
            [cpu_seconds([sys.executable, "-c", "import faiss, numpy"]) for _ in range(5)]
        )
        spent = [
            float(np.median([cpu_seconds([sys.executable, "-c", code, name]) for _ in range(5)]))
            for code in (COLD, WHOLE)
        ]
        size = (folder / "index.faiss").stat().st_size
    print(f"\n| one question to {MILLION:,} rows, cold process | CPU s, median of 5 |\n|---|---|")
    print(
        f"| simrec, mapped | {spent[0]:.2f} |\n"
        f"| reading index and vectors whole | {spent[1]:.2f} ({spent[1] / spent[0]:.1f} x) |"
    )
    print(
        f"| importing faiss alone | {imports:.2f} |\n\nindex: {size / MILLION:.0f} bytes a row beside the vectors"
    )


if __name__ == "__main__":
    main()
