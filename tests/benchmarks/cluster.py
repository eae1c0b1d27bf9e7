"""Benchmark of the cluster: `python -m tests.benchmarks.cluster [--vectors FILE.npy] [ROWS]`, a million by default.

The embeddings of a file, with noise where they are too few, or vectors drawn in clusters, go
through every stage of the index step on a scheduler and two workers, which are killed where they
use more than 3 GB; rows are cut into groups. Printed are the CPU seconds and the peak memory of
every process, and the recall of the graph beside that of one index over all rows. Then a tenth of
the rows go through it twice, on one process here and on the cluster: whether the files are equal,
and the ratio of CPU seconds.
"""

import argparse
import hashlib
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
from distributed import Client, LocalCluster

from simrec.arrays import open_npy
from simrec.config import IndexConfig
from simrec.index.index_facts import IndexFacts
from simrec.index.refresh import refresh
from simrec.index.vector_index import VectorIndex
from simrec.release_folder import ReleaseFolder
from simrec.tasks.dask import DaskEngine
from simrec.tasks.stages import Run, Stages, in_turn
from tests.benchmarks.index import K, recall
from tests.benchmarks.index import rows as drawn
from tests.benchmarks.machine import print_machine

ROWS, WORKERS, MEMORY, WAIT_SECONDS = 1_000_000, 2, "3GB", 30
CONFIG = IndexConfig(kind="ivf_pq", recall_target=0.95)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("rows", nargs="?", type=int, default=ROWS)
    asked = parser.parse_args()
    print_machine(f"python -m tests.benchmarks.cluster {' '.join(sys.argv[1:])}")
    source, count = np.load(asked.vectors, mmap_mode="r") if asked.vectors else None, asked.rows
    vectors = drawn(source, count)
    with (
        tempfile.TemporaryDirectory() as name,
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, memory_limit=MEMORY, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        whole(vectors, Path(name), cluster.scheduler_address, client)
        twice(vectors[: count // 10], Path(name), cluster.scheduler_address, client)


def whole(vectors: np.ndarray, folder: Path, address: str, client: Client) -> None:
    """All rows in two groups, on the cluster."""
    groups = CONFIG.memory_mib * len(vectors) // ROWS // 3
    seconds = index(vectors, folder / "whole", DaskEngine(address, WAIT_SECONDS).run, groups)
    facts = json.loads((folder / "whole/index.json").read_bytes())
    found = np.load(folder / "whole/graph.npy", mmap_mode="r")[:, :K] & np.uint64(2**32 - 1)
    spent, peaks = client.run(cpu), client.run(peak)
    print(f"\n| {len(vectors):,} x {vectors.shape[1]} | |\n|---|---|")
    print(
        f"| CPU s of the job and of the workers | {cpu():.0f}, {', '.join(f'{s:.0f}' for s in spent.values())} |"
    )
    print(f"| wall s | {seconds:.0f} |")
    print(
        f"| peak MiB of the job and of the workers | {peak():,}, {', '.join(f'{m:,}' for m in peaks.values())} |"
    )
    print(
        f"| recall@{K} of one index over all rows | {recall(vectors, alone(vectors, folder / 'whole')):.3f} |"
    )
    print(f"| recall@{K} of the graph, {facts['effort']} of {facts['lists']} lists in each group "
          f"| {recall(vectors, found.astype(np.int64)):.3f} |", flush=True)  # fmt: skip


def alone(vectors: np.ndarray, folder: Path) -> np.ndarray:
    """Return what the whole index finds for the rows that `recall` asks about, in a table of all rows."""
    there = ReleaseFolder(folder)
    index = VectorIndex.open(
        there.index, IndexFacts.read(there.index_facts), open_npy(there.vectors)
    )
    asked = np.linspace(0, len(vectors) - 1, 500, dtype=np.int64)
    near = index.search(vectors[asked], K + 1)
    found = np.full((len(vectors), K), -1)
    for row, rows in zip(asked, near.rows, strict=True):
        found[row] = rows[rows != row][:K]
    return found


def twice(vectors: np.ndarray, folder: Path, address: str, client: Client) -> None:
    """The same rows here and there."""
    began = cpu()
    index(vectors, folder / "here", in_turn, CONFIG.memory_mib)
    here, before = cpu() - began, sum(client.run(cpu).values()) + cpu()
    index(vectors, folder / "there", DaskEngine(address, WAIT_SECONDS).run, CONFIG.memory_mib)
    there = sum(client.run(cpu).values()) + cpu() - before
    same = {path.name: digest(path) for path in (folder / "here").iterdir()} == {
        path.name: digest(path) for path in (folder / "there").iterdir()
    }
    print(f"\n| {len(vectors):,} rows | CPU s |\n|---|---|\n| one process | {here:.1f} |")
    print(
        f"| the cluster | {there:.1f} ({there / here:.2f} x), files {'equal' if same else 'NOT EQUAL'} |"
    )


def index(vectors: np.ndarray, folder: Path, run: Run, memory_mib: int) -> float:
    """Write index and graph of a folder; return wall seconds."""
    folder.mkdir()
    np.save(folder / "vectors.npy", vectors.astype(np.float16))
    stages, began = Stages(run, folder / "parts", "benchmark"), time.monotonic()
    config = msgspec.structs.replace(CONFIG, memory_mib=max(1, memory_mib))
    refresh(
        ReleaseFolder(folder),
        [f"{row:09d}" for row in range(len(vectors))],
        None,
        config,
        K,
        stages,
    )
    stages.end()
    return time.monotonic() - began


def digest(path: Path) -> str:
    """Return a checksum."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cpu() -> float:
    """Return the CPU seconds of this process."""
    return time.process_time()


def peak() -> int:
    """Return the most memory that this process had at once, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main()
