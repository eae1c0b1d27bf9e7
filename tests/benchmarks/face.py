"""Benchmark of the face: what queries cost in an open workspace, and in a new process.

`python -m tests.benchmarks.face ARTICLES.jsonl`, or a folder with a workspace that has a release.
From a file, a workspace is built in a temporary folder, which takes minutes.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import simrec
from simrec.articles.store import Store
from simrec.release import Release
from simrec.workspace import Workspace
from tests.benchmarks.machine import ROOT, cpu_seconds, print_machine

QUERIES = 200
RUNS = 11
TEXT_CHARS = 300


def main(source: Path) -> None:
    """Measure, and print tables."""
    print_machine(f"python -m tests.benchmarks.face {source}")
    with workspace_of(source) as workspace:
        manifest = Release.current(workspace).manifest
        print(f"{source.name}, {manifest.articles:,} articles, index {manifest.index.kind}")
        ids, texts = sample(workspace)
        print(f"\n| warm, {QUERIES} queries | ms, median | CPU ms, median | CPU ms, least |")
        print("|---|---|---|---|")
        with simrec.open(workspace.root) as recommender:
            recommender.similar_to_text(texts[0])  # opens the encoder, the words and the index
            warm("similar(id)", recommender.similar, ids)
            warm("search(id) without rules", lambda id: search(recommender, id), ids)
            warm("similar_to_text", recommender.similar_to_text, texts)
            warm("accounts_writing_about", recommender.accounts_writing_about, texts)
        print(f"\n| cold process | CPU s, median of {RUNS} |\n|---|---|")
        cold("similar", ids[0], workspace)
        cold("similar", f"--text={texts[0]}", workspace)


@contextmanager
def workspace_of(source: Path) -> Iterator[Workspace]:
    """Yield the workspace that the source is, or that is built from its articles."""
    if source.is_dir():
        yield Workspace.open(source)
        return
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        config.write_text(f'[[sources]]\npath = "{source.absolute()}"\n')
        root = Path(folder) / "workspace"
        job = [
            sys.executable,
            str(ROOT / "jobs" / "nightly.py"),
            "-c",
            str(config),
            "-w",
            str(root),
        ]
        subprocess.run(job, check=True, cwd=ROOT)
        yield Workspace.open(root)


def sample(workspace: Workspace) -> tuple[list[str], list[str]]:
    """Return ids of articles, spread over all, and the beginnings of their texts."""
    ids = []
    texts = []
    with Store.open(workspace.articles_db) as store:
        metas = list(store.metadata())
        for meta in metas[:: max(1, len(metas) // QUERIES)]:
            found = store.text_of(meta.id)
            if found:
                ids.append(meta.id)
                texts.append(" ".join(found[1:])[:TEXT_CHARS])
    return ids, texts


def search(recommender: simrec.Recommender, article_id: str) -> list[simrec.Hit]:
    """Search for what is similar to an article, whatever the table says."""
    return recommender.search(simrec.Query(ids=article_id), rules=False)


def warm(name: str, ask: Callable[[str], object], queries: list[str]) -> None:
    """Print what a query costs in this process; CPU time is that of all its threads."""
    seconds = []
    cpu = []
    for query in islice(cycle(queries), QUERIES):
        started, cpu_started = time.perf_counter(), time.process_time()
        ask(query)
        cpu.append(time.process_time() - cpu_started)
        seconds.append(time.perf_counter() - started)
    figures = (statistics.median(seconds), statistics.median(cpu), min(cpu))
    print(f"| {name} | {' | '.join(f'{1000 * figure:.2f}' for figure in figures)} |")


def cold(command: str, query: str, workspace: Workspace) -> None:
    """Print the CPU seconds of a whole process."""
    process = [sys.executable, "-m", "simrec", command, query, "-w", str(workspace.root)]
    median = statistics.median(cpu_seconds(process) for _ in range(RUNS))
    print(f"| simrec {command} {query[:12]} | {median:.3f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
