"""Material: all there is to learn from, gathered from the workspace and the files that objectives name."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simrec.articles.article import encoded_text, held_out_below
from simrec.articles.store import Store
from simrec.config import Config, Objective
from simrec.errors import GateError
from simrec.training.distillation import DistillationSet, read_distillation_set
from simrec.training.pair_files import PairFile, read_pairs

CHARS_PER_TOKEN = 8  # enough for any prose
FEWEST_ARTICLES = 20
MOST_HELD_OUT = 1_000  # articles that judge an epoch

Articles = list[tuple[str, str]]  # title and text of each
NO_LESSONS = DistillationSet([], np.empty((0, 0), np.float16))


@dataclass(frozen=True)
class TrainingCorpus:
    """Articles by the keys of their texts, pair files by their path, and a teacher's lessons.

    Of the articles held out nothing is learned; they judge.
    """

    keys: list[bytes]
    articles: Articles
    held_out: Articles
    pair_files: dict[str, PairFile] = field(default_factory=dict)
    taught: DistillationSet = NO_LESSONS

    def refuse(self, usable: int, judging: int) -> GateError:
        """Return the error for articles too few to train on."""
        return GateError(
            f"cannot train on {usable:,} articles with enough text and judge on {judging:,} held out "
            f"(of {len(self.articles) + len(self.held_out):,} in all); at least {FEWEST_ARTICLES} and 1 are needed"
        )

    @staticmethod
    def asks_articles(config: Config) -> bool:
        """Tell whether some objective draws its pairs from the articles."""
        return any(objective.pairs == "articles" for objective in _with_pairs(config))


def gather(store: Store, config: Config, lessons: list[Path]) -> TrainingCorpus:
    """Read all that the objectives of the configuration ask for; links to articles held out are left out."""
    boundary = held_out_below(config.training.held_out)
    keys = store.text_keys(config.training.max_articles, start=boundary)
    judges = [key for key in store.text_keys(MOST_HELD_OUT) if key < boundary]

    def text_of(article_id: str) -> str | None:
        found = store.text_of(article_id)
        if found is None:
            return None
        key, *article = found
        return encoded_text(*article) if key >= boundary else ""

    named: dict[str, list[str]] = {}
    for objective in _with_pairs(config):
        if objective.pairs != "articles":
            named.setdefault(objective.pairs, []).append(objective.kind)
    most_bad = config.ingest.max_reject_share
    pair_files = {
        path: read_pairs(Path(path), kinds, text_of, most_bad) for path, kinds in named.items()
    }
    distils = any(objective.kind == "distillation" for objective in config.objectives)
    taught = (
        read_distillation_set(lessons, config.pretraining.max_distillation_texts)
        if distils
        else NO_LESSONS
    )
    chars = config.training.max_tokens * CHARS_PER_TOKEN
    return TrainingCorpus(
        judges + keys, store.texts(keys, chars), store.texts(judges, chars), pair_files, taught
    )


def _with_pairs(config: Config) -> Iterator[Objective]:
    return (objective for objective in config.objectives if objective.kind != "distillation")
