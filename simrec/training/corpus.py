"""The training corpus: articles, pair files and distillation data, gathered for the objectives."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from simrec.articles.article import encoded_text, held_out_below
from simrec.articles.store import Store
from simrec.config import Config, Objective
from simrec.errors import GateError
from simrec.training.distillation import EMPTY_SET, DistillationSet
from simrec.training.joint_lessons import read_lessons
from simrec.training.pair_files import PairFile, read_pairs

MAX_CHARS_PER_TOKEN = 8  # enough for any prose
MIN_ARTICLES = 20
MAX_HELD_OUT = 1_000  # articles that validate an epoch

Articles = list[tuple[str, str]]  # title and text of each


@dataclass(frozen=True)
class TrainingCorpus:
    """Articles with the keys of their texts, pair files by path, and distillation data.

    Nothing is learned from held-out articles; they validate.
    """

    keys: list[bytes]
    articles: Articles
    held_out: Articles
    pair_files: dict[str, PairFile] = field(default_factory=dict)
    distillation: DistillationSet = EMPTY_SET

    def too_few(self, n_articles: int, n_held_out: int) -> GateError:
        """Return the error for too few articles that are long enough."""
        n_all = len(self.articles) + len(self.held_out)
        return GateError(
            f"cannot train on {n_articles:,} articles with enough text and validate on "
            f"{n_held_out:,} held out (of {n_all:,} in all); "
            f"at least {MIN_ARTICLES} and 1 are needed"
        )


def learns_from_articles(config: Config) -> bool:
    """Return whether an objective draws its pairs from the articles."""
    return any(objective.pairs == "articles" for objective in _pair_objectives(config))


def gather(store: Store, config: Config, lesson_paths: list[list[Path]]) -> TrainingCorpus:
    """Read all that the objectives need; links to held-out articles are skipped."""
    first_key = held_out_below(config.training.held_out)
    keys = store.text_keys(config.training.max_articles, start=first_key)
    held_out_keys = [key for key in store.text_keys(MAX_HELD_OUT) if key < first_key]
    distillation = EMPTY_SET
    if any(objective.kind == "distillation" for objective in config.objectives):
        max_texts = config.pretraining.max_distillation_texts
        distillation = read_lessons(lesson_paths, max_texts)
    max_chars = config.training.max_tokens * MAX_CHARS_PER_TOKEN
    return TrainingCorpus(
        held_out_keys + keys,
        store.texts(keys, max_chars),
        store.texts(held_out_keys, max_chars),
        _read_pair_files(store, config, first_key),
        distillation,
    )


def _read_pair_files(store: Store, config: Config, first_key: bytes) -> dict[str, PairFile]:
    def text_of(article_id: str) -> str | None:
        article = store.text_of(article_id)
        if article is None:
            return None
        key, title, text = article
        return encoded_text(title, text) if key >= first_key else ""

    kinds_of: dict[str, list[str]] = defaultdict(list)
    for objective in _pair_objectives(config):
        if objective.pairs != "articles":
            kinds_of[objective.pairs].append(objective.kind)
    most = config.ingest.max_reject_share
    return {path: read_pairs(Path(path), kinds_of[path], text_of, most) for path in kinds_of}


def _pair_objectives(config: Config) -> list[Objective]:
    return [objective for objective in config.objectives if objective.kind != "distillation"]
