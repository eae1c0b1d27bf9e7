"""Benchmark of reasons: `python -m tests.benchmarks.reasons CORPUS [READ]`.

CORPUS is a file of articles as simrec ingests them, or a workspace with a release. The line says in how
many reasons of the published lists a word of scikit-learn's list of English stop words stands, alone or in
a phrase; how many consist of digits; and how many have no word. With READ, so many reasons drawn by a seed
are printed to be read, each with the titles of its two articles.
"""

import random
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from simrec import release, steps
from simrec.config import Config, EvaluateConfig, SourceConfig
from simrec.steps.night import Night
from simrec.workspace import Workspace
from tests.benchmarks.machine import print_machine

SHOWN = """
SELECT s.words, coalesce(nullif(a.title, ''), a.lead), coalesce(nullif(b.title, ''), b.lead)
FROM similar s JOIN articles a ON a.id = s.article JOIN articles b ON b.id = s.similar
ORDER BY s.article, s.rank
"""
STEPS = (
    steps.ingest,
    steps.embed,
    steps.index,
    steps.recommend,
    steps.evaluate,
    steps.publish,
)
Reason = tuple[list[str], str, str]


def main(corpus: Path, read: int) -> None:
    """Print the figures, and reasons to be read."""
    print_machine(f"python -m tests.benchmarks.reasons {corpus.name}")
    if corpus.is_dir():
        reasons = reasons_of(Workspace.open(corpus))
    else:
        with tempfile.TemporaryDirectory() as folder:
            reasons = reasons_of(published(corpus, Path(folder)))
    print_figures(reasons)
    random.seed(0)
    for words, title, other_title in random.sample(reasons, min(read, len(reasons))):
        print(f"{', '.join(words) or '(none)'}\n    {title[:90]}\n    {other_title[:90]}")


def published(corpus: Path, folder: Path) -> Workspace:
    """Return a workspace with a release of a corpus."""
    config = Config(
        sources=[SourceConfig(path=str(corpus.absolute()))], evaluate=EvaluateConfig(baselines=[])
    )
    workspace = Workspace.create(folder / "workspace")
    with Night(workspace, config) as night:
        for step in STEPS:
            step.run(night)
    return workspace


def reasons_of(workspace: Workspace) -> list[Reason]:
    """Return the words of all pairs of the current release, and the titles of both articles."""
    current = release.Release.current(workspace)
    with closing(current.folder.open_tables()) as db:
        return [
            (words.split(", ") if words else [], *titles) for words, *titles in db.execute(SHOWN)
        ]


def print_figures(reasons: list[Reason]) -> None:
    """Print the shares of reasons that no editor would publish."""
    frequent: Counter[str] = Counter()
    stop_words = 0
    digits = 0
    empty = 0
    shown = 0
    for words, *_ in reasons:
        parts = {part.lower() for word in words for part in word.split()}
        stop_words += not parts.isdisjoint(ENGLISH_STOP_WORDS)
        frequent.update(parts & ENGLISH_STOP_WORDS)
        digits += any(word.isdigit() for word in words)
        empty += not words
        shown += len(words)
    pairs = len(reasons)
    print("\n| pairs | with a stop word | with bare digits | without words | words of a pair |")
    print("|---|---|---|---|---|")
    print(
        f"| {pairs:,} | {stop_words / pairs:.4f} | {digits / pairs:.4f} | {empty / pairs:.3f} "
        f"| {shown / pairs:.2f} |\n"
    )
    print("stop words:", ", ".join(f"{word} {count}" for word, count in frequent.most_common(12)))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
