"""What docs/sizing.md is computed from, measured; a real cluster beside its simulation. See tests.benchmarks.sizing."""

import itertools
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from distributed import LocalCluster

from simrec.articles import clean_tasks
from simrec.articles import ingest as room
from simrec.articles.article import Article
from simrec.articles.store import Store
from simrec.articles.store_writer import Keys
from simrec.config import Config, SourceConfig
from simrec.encoder.embed import EmbedTask, cut_shards, embed_shard, terms_shard
from simrec.encoder.model_folder import newest
from simrec.lexical.tfidf import TfIdf
from simrec.release import current_id
from simrec.tasks.dask import DaskEngine
from simrec.training import starting_point
from simrec.workspace import Workspace
from tests.benchmarks import sizing
from tests.benchmarks.__main__ import job
from tests.benchmarks.machine import ROOT, print_machine

SPEECHES = ROOT / "tests" / "data" / "speeches.jsonl"
TEXTS, TASK_TEXTS, NOTHINGS = 2_000, 50, 500
BAND = (0.8, 1.25)  # what a real run may take, as a share of what the simulation says


def measure(corpus: Path) -> None:
    """Run a first night of a corpus in one process, and print each rate as it is in the tables and as it is here."""
    print_machine(f"python -m tests.benchmarks.sizing --measure {corpus}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "articles.jsonl").symlink_to(corpus.resolve())
        (folder / "config.toml").write_text(
            '[[sources]]\npath = "articles.jsonl"\n[engine]\nworkers = 1\n'
        )
        job("nightly", folder)
        workspace = Workspace.open(folder / "workspace")
        steps = {step["step"]: step for step in json.loads(workspace.journal.read_text())["steps"]}
        n = steps["ingest"]["rows_out"]
        print(
            f"{corpus.name}, {n:,} articles\n\n| figure | in the tables | measured |\n|---|---|---|"
        )
        for rate, measured in {
            **cpu(workspace, folder, n),
            **sizes(workspace, corpus, n),
            **memory(steps, n),
        }.items():
            print(f"| {rate.what} | {rate.value:,.6g} | {measured:,.3g} |")
        night = sum(
            step["cpu_seconds"]
            for name, step in steps.items()
            if name not in ("evaluate", "export")
        )
        computed = sum(stage.cpu(n) for stage in sizing.STAGES)
        print(
            f"\na night but for evaluate: {night:.0f} CPU s, computed {computed:.0f}: {night / computed:.2f} times that"
        )


def cpu(workspace: Workspace, folder: Path, n: int) -> dict[sizing.Rate, float]:
    """Return CPU seconds an article of what tasks do, and of bringing in what they have read."""
    clock = []

    def ahead(batches: list[clean_tasks.SplitBatch]) -> Path:
        clock.append(time.process_time())
        for batch in batches:
            clean_tasks.write_part(
                clean_tasks.CleanTask(batch, folder / "anew.db", False, folder / batch.name)
            )
        clock.append(time.process_time())
        return folder

    with Store.open(folder / "anew.db", create=True) as store:
        room.ingest(
            store,
            Config(sources=(SourceConfig(path=str(folder / "articles.jsonl")),)),
            "2026-01-01",
            ahead,
        )
        clock.append(time.process_time())
        keys = store.text_keys()[: 2 * sizing.SHARD]
    encoder = newest(workspace.encoders) or ""
    lexical = TfIdf.open(workspace.lexical(encoder))
    made = {
        embed_shard: (workspace.encoder(encoder), encoder),
        terms_shard: (workspace.lexical(encoder), lexical.id),
    }
    rates = {sizing.READ: (clock[1] - clock[0]) / n, sizing.STORE: (clock[2] - clock[1]) / n}
    for (write, (made_by, name)), rate in zip(
        made.items(), (sizing.EMBED, sizing.WORDS), strict=True
    ):
        tasks = [
            EmbedTask(folder / "anew.db", False, made_by, new_folder(folder / name), part)
            for part in cut_shards(keys, sizing.SHARD)
        ]
        began = time.process_time()
        rates[rate] = sum(map(write, tasks)) and (time.process_time() - began) / len(keys)
    return rates


def new_folder(path: Path) -> Path:
    """Make a folder and return it."""
    path.mkdir(exist_ok=True)
    return path


def sizes(workspace: Workspace, corpus: Path, n: int) -> dict[sizing.Rate, float]:
    """Return bytes an article on disk."""
    release = workspace.release(current_id(workspace) or "")
    dense = [release.vectors, release.terms, release.graph]
    cache = [
        path
        for path in workspace.embeddings("").glob("*/*.npz")
        if not path.parent.name.endswith("-asked")
    ]
    tables = [release.tables, *map(release.table, release.table_names())]
    known = {
        sizing.DB: [workspace.articles_db],
        sizing.CACHE: cache,
        sizing.DENSE: dense,
        sizing.TABLES: tables,
    }
    return {
        rate: sum(path.stat().st_size for path in paths) / n for rate, paths in known.items()
    } | {sizing.TEXT: corpus.stat().st_size / n}


def memory(steps: dict[str, Any], n: int) -> dict[sizing.Rate, float]:
    """Return peaks in MiB; the job's without what it takes for each article."""
    more = sizing.JOB_MORE.value * n / sizing.MIB
    return {
        sizing.WORKER: steps["embed"]["peak_mib"],
        sizing.JOB: steps["recommend"]["peak_mib"] - more,
    }


def check() -> None:
    """Encode on two real workers, and compare with the simulation of tasks as long as these were."""
    print_machine("python -m tests.benchmarks.sizing --check")
    with (
        tempfile.TemporaryDirectory() as name,
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as started,
        DaskEngine(started.scheduler_address, 30) as engine,
    ):
        folder = Path(name)
        tasks = shards(folder, articles(folder / "articles.db"))
        list(engine.run(abs, range(NOTHINGS)))
        began = time.monotonic()
        list(engine.run(abs, range(NOTHINGS)))
        nothing = (time.monotonic() - began) / NOTHINGS
        began = time.monotonic()
        took = list(engine.run(timed, tasks))
        real = time.monotonic() - began
    foretold = sizing.simulate(len(tasks), sum(took) / len(tasks), 2)
    print(
        f"the scheduler: {1_000 * nothing:.1f} ms a task; {TEXTS / sum(took):.0f} texts a second and worker"
    )
    print(
        f"{TEXTS:,} texts on two workers: {real:.1f} s, foretold {foretold:.1f} s, {real / foretold:.2f} times that"
    )
    assert BAND[0] <= real / foretold <= BAND[1], f"not within {BAND}"


def timed(task: EmbedTask) -> float:
    """Encode a shard; return how long it took."""
    began = time.monotonic()
    embed_shard(task)
    return time.monotonic() - began


def articles(db: Path) -> list[bytes]:
    """Make a store of different texts; return their keys."""
    rows = [json.loads(line) for line in SPEECHES.read_text().splitlines()]
    with Store.open(db, create=True) as store:
        with store.transaction() as writer:
            for number, row in zip(range(TEXTS), itertools.cycle(rows), strict=False):
                article = Article(str(number), text=f"{row['text']} {number}")
                writer.upsert(article, Keys(article.row_key, article.text_key, b""))
        store.checkpoint()
        return store.text_keys()


def shards(folder: Path, keys: list[bytes]) -> list[EmbedTask]:
    """Return the tasks that encode these texts."""
    own = new_folder(folder / "shards")
    return [
        EmbedTask(folder / "articles.db", True, starting_point.PRETRAINED, own, part)
        for part in cut_shards(keys, TASK_TEXTS)
    ]
