"""What a machine or a cluster has to have: `python -m tests.benchmarks.sizing` computes the tables of docs/sizing.md.

With --write they are written there. --measure CORPUS.jsonl measures the rates that they are
computed from, on a real night of these articles; --check runs what the simulation foretells, on a
cluster of two workers, and compares.
"""

import argparse
import heapq
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from simrec.config import EncoderConfig, EngineConfig, IndexConfig
from simrec.index.knn_search import rows_per_slice
from simrec.tasks.dask import MAX_SUBMITTED
from simrec.tasks.rows import PART_ROWS
from tests.benchmarks.machine import ROOT

PAGE = ROOT / "docs" / "sizing.md"
BLOCK = re.compile(r"(?<=<!-- computed: begin -->\n).*(?=<!-- computed: end -->)", re.DOTALL)
ARTICLES = (27_961, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
CORES = (1, 16, 128)
MEMORY_MIB = IndexConfig().memory_mib
EXACT_MAX_ROWS = IndexConfig().exact_max_rows
SHARD = EngineConfig().shard_texts
SLICE = rows_per_slice(EncoderConfig().dim, MEMORY_MIB)
MAX_SIMULATED = 250_000
HOUR, MIB, GIB = 3600, 1 << 20, 1 << 30

NIGHT = "`--measure`"
JOURNAL = "journal of 100,000 leads of encyclopedia articles"


class Rate(NamedTuple):
    """One figure that the tables are computed from, and where it comes from."""

    value: float
    what: str
    source: str


# CPU seconds on one core of an AMD EPYC, news of 2,800 characters, dimension 256.
READ = Rate(180e-6, "CPU s: read, map, clean and hash an article", NIGHT)
STORE = Rate(45e-6, "CPU s: bring a cleaned article into the store", NIGHT)
EMBED = Rate(1 / 143, "CPU s: encode an article", "`tests.benchmarks.quality DATA speed`")
WORDS = Rate(1 / 5_000, "CPU s: words of an article", NIGHT)
EXACT = Rate(45, "CPU s: exact graph of 100,000; grows with the square", "`tests.benchmarks.index`")
NEAR = Rate(
    160, "CPU s: index and graph of 1,000,000 at recall@20 .95, but for scoring; grows with n to 1.5",
    "`tests.benchmarks.cluster`",
)  # fmt: skip
EXACTLY = Rate(
    88e-6,
    "CPU s: the neighbours of an article in one slice, scored by the stored vectors",
    "`tests.benchmarks.cluster`",
)
SCORE = Rate(37e-6, "CPU s: joint score of an article's candidates", JOURNAL)
LISTS = Rate(22e-6, "CPU s: rules and lists of an article", JOURNAL)
REASONS = Rate(26e-6, "CPU s: reasons of an article's list", JOURNAL)
WRITE = Rate(30e-6, "CPU s: an article's rows in the tables", JOURNAL)
# Bytes an article.
DB = Rate(4_785, "bytes: articles.db", NIGHT)
CACHE = Rate(1_056, "bytes: vectors and words in the cache", NIGHT)
DENSE = Rate(2_048, "bytes: vectors, words and 128 neighbours in a release", NIGHT)
INDEX = Rate(72, "bytes: IVF-PQ beyond 100,000 articles", "`tests.benchmarks.index`")
TABLES = Rate(1_734, "bytes: items.db and Parquet files of a release, 20 places a list", NIGHT)
FOUND = Rate(
    2_048,
    "bytes: 128 neighbours of 8, after a slice of some 1,300,000 and after the next",
    "their size",
)
TEXT = Rate(2_815, "bytes: a line of JSON", NIGHT)
# Memory.
WORKER = Rate(
    580,
    "MiB: a worker that encodes; one that searches takes up to index.memory_mib",
    NIGHT,
)
JOB = Rate(960, "MiB: the job, with few articles", NIGHT)
JOB_MORE = Rate(2_000, "bytes: what it takes more for each article", f"{JOURNAL}, and {NIGHT}")
# The cluster.
TASK = Rate(0.005, "s: what the scheduler takes for a task, one after the other", "`--check`")
FAILURES = Rate(0.001, "share of tasks that are done twice", "assumed")
SPREAD = Rate(0.2, "by which a task is longer or shorter than the mean, at most", "assumed")
RATES = [value for value in list(globals().values()) if isinstance(value, Rate)]


class Stage(NamedTuple):
    """A stage of a first night: the CPU seconds of n articles, and how many of them are in a task.

    per_task is None where the job itself does the work. A stage by slices searches one slice after
    the other.
    """

    name: str
    cpu: Callable[[int], float]
    per_task: int | None = None
    by_slices: bool = False

    def tasks(self, n: int) -> int:
        """Return how many tasks there are at a time; 0 where the job does the work."""
        if self.per_task is None:
            return 0
        if self.by_slices and n <= EXACT_MAX_ROWS:
            return 1  # all pairs are one task
        return -(-n // self.per_task)

    def wall(self, n: int, cores: int) -> float:
        """Return the seconds of the stage on so many cores; a sample stands for very many tasks."""
        tasks = self.tasks(n)
        if not tasks:
            return self.cpu(n)
        rounds = slices(n) if self.by_slices else 1
        simulated = min(tasks, MAX_SIMULATED)
        seconds = simulate(simulated, self.cpu(n) / rounds / tasks, cores)
        return seconds * rounds * tasks / simulated


def linear(rate: Rate) -> Callable[[int], float]:
    """Return a cost that grows with the articles."""
    return lambda n: rate.value * n


def slices(n: int) -> int:
    """Return in how many slices the index is searched."""
    return -(-n // SLICE)


def graph(n: int) -> float:
    """Return the cost of the kNN graph: every article probes as many lists, whose length grows with the root of n."""
    if n <= EXACT_MAX_ROWS:
        return EXACT.value * (n / 1e5) ** 2
    return NEAR.value * (n / 1e6) ** 1.5 + EXACTLY.value * n * slices(n)


STAGES = (
    Stage("read files", linear(READ), int(EngineConfig().batch_bytes / TEXT.value)),
    Stage("store", linear(STORE)),
    Stage("encode", linear(EMBED), SHARD),
    Stage("words", linear(WORDS), SHARD),
    Stage("neighbours", graph, PART_ROWS, by_slices=True),
    Stage("score", linear(SCORE), PART_ROWS),
    Stage("lists", linear(LISTS), PART_ROWS),
    Stage("reasons", linear(REASONS), PART_ROWS),
    Stage("tables", linear(WRITE)),
)


def simulate(tasks: int, seconds: float, workers: int) -> float:
    """Return the seconds until all tasks are done: the scheduler hands out one by one, some run twice."""
    rng = random.Random(0)
    clock = 0.0
    handed_out = 0.0
    waiting = tasks
    running: list[float] = []
    while waiting or running:
        while waiting and len(running) < min(workers, MAX_SUBMITTED):
            handed_out = max(handed_out, clock) + TASK.value
            length = seconds * rng.uniform(1 - SPREAD.value, 1 + SPREAD.value)
            heapq.heappush(running, handed_out + length)
            waiting -= 1
        clock = heapq.heappop(running)
        waiting += rng.random() < FAILURES.value
    return clock


def size_table() -> list[str]:
    """Return memory, disk and hours for each number of articles, as a table."""
    hours = [f"hours, {cores} core{'s' * (cores > 1)}" for cores in CORES]
    head = [
        "articles",
        "a worker, GiB",
        "the job, GiB",
        "articles and cache, GiB",
        "a release, GiB",
        "parts, GiB",
        "CPU hours",
        *hours,
    ]
    rows = [head, ["---"] * len(head)]
    for n in ARTICLES:
        release = DENSE.value + TABLES.value + (INDEX.value if n > EXACT_MAX_ROWS else 0)
        worker = max(WORKER.value, MEMORY_MIB * min(1, n / SLICE))
        gib = [
            worker * MIB,
            JOB.value * MIB + JOB_MORE.value * n,
            (DB.value + CACHE.value) * n,
            release * n,
        ]
        gib.append(FOUND.value * n / (1 if slices(n) > 1 else 2))
        cpu = sum(stage.cpu(n) for stage in STAGES)
        walls = [sum(stage.wall(n, cores) for stage in STAGES) for cores in CORES]
        rows.append(
            [
                f"{n:,}",
                *(short(value / GIB) for value in gib),
                *(short(value / HOUR) for value in (cpu, *walls)),
            ]
        )
    return ["| " + " | ".join(row) + " |" for row in rows]


def stage_table() -> list[str]:
    """Return the CPU hours of each stage, as a table."""
    rows = [["CPU hours", "by", *(f"{n:,}" for n in ARTICLES[1:])]]
    rows.append(["---"] * len(rows[0]))
    rows += [
        [
            stage.name,
            "tasks" if stage.per_task else "the job",
            *(short(stage.cpu(n) / HOUR) for n in ARTICLES[1:]),
        ]
        for stage in STAGES
    ]
    return ["| " + " | ".join(row) + " |" for row in rows]


def rate_table() -> list[str]:
    """Return all that the tables are computed from, as a table."""
    return ["| figure | what | measured by |", "|---|---|---|"] + [
        f"| {rate.value:,.6g} | {rate.what} | {rate.source} |" for rate in RATES
    ]


def short(value: float) -> str:
    """Write a number with two digits that count, or whole."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def block() -> str:
    """Return what the page holds between its marks."""
    return "\n".join(["", *size_table(), "", *stage_table(), "", *rate_table(), "", ""])


def main(arguments: list[str]) -> None:
    """Print the tables, write them into the page, or measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the tables into docs/sizing.md")
    parser.add_argument(
        "--measure", type=Path, metavar="CORPUS", help="measure the rates on articles in JSON lines"
    )
    parser.add_argument(
        "--check", action="store_true", help="compare the simulation with two real workers"
    )
    options = parser.parse_args(arguments)
    if options.measure or options.check:
        from tests.benchmarks import sizing_measured

        sizing_measured.measure(options.measure) if options.measure else sizing_measured.check()
    elif options.write:
        PAGE.write_text(
            BLOCK.sub(lambda _: block(), PAGE.read_text(encoding="utf-8")), encoding="utf-8"
        )
    else:
        print(block())


if __name__ == "__main__":
    main(sys.argv[1:])
