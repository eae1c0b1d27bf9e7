"""Where training starts: the pretrained encoder, another one, the articles alone, or a teacher."""

import logging
from pathlib import Path
from typing import Literal, NamedTuple

from simrec.config import Config
from simrec.encoder import model_folder
from simrec.encoder.default_encoder import CHECKED_ARTICLES, PRETRAINED, unreadable
from simrec.errors import ConfigError, ReleaseError
from simrec.training.corpus import Articles

logger = logging.getLogger(__name__)


class TeacherVocabulary(NamedTuple):
    """A teacher's tokenizer, and the file of its vectors of single tokens, in order of ids."""

    tokenizer: Path
    tokens: Path


class StartingPoint(NamedTuple):
    """Where training starts: an encoder has a folder, a teacher may have a vocabulary."""

    kind: Literal["articles", "encoder", "teacher"]
    name: str
    encoder: Path | None = None
    vocabulary: TeacherVocabulary | None = None


FROM_ARTICLES = StartingPoint("articles", "articles")


def choose(
    config: Config, articles: Articles, vocabulary: TeacherVocabulary | None
) -> StartingPoint:
    """Return the starting point that `training.start` names.

    "auto" is the pretrained encoder, unless [encoder] has another shape or the articles are in a
    script it cannot read; then it is the articles alone. Raises ConfigError for an encoder of
    another shape, ReleaseError for a damaged one.
    """
    match config.training.start:
        case "articles":
            return FROM_ARTICLES
        case "teacher":
            return StartingPoint("teacher", "teacher", vocabulary=vocabulary)
        case "pretrained":
            return _encoder(PRETRAINED, config)
        case "auto":
            return _pretrained_or_articles(config, articles)
        case path:
            return _encoder(Path(path), config)


def _pretrained_or_articles(config: Config, articles: Articles) -> StartingPoint:
    obstacle = _misfit(PRETRAINED, config) or unreadable(PRETRAINED, articles[:CHECKED_ARTICLES])
    if obstacle:
        logger.info("train: starts from the articles alone, since %s", obstacle)
        return FROM_ARTICLES
    return _encoder(PRETRAINED, config)


def _encoder(folder: Path, config: Config) -> StartingPoint:
    misfit = _misfit(folder, config)
    if misfit:
        raise ConfigError(
            f"{misfit}; set training.start = 'articles' to train one of another shape from the "
            "articles"
        )
    return StartingPoint("encoder", model_folder.read_id(folder), encoder=folder)


def _misfit(folder: Path, config: Config) -> str:
    """Return why training cannot start from an encoder, or nothing."""
    try:
        network = model_folder.check(folder).network
    except ReleaseError as error:
        return str(error)
    differences = []
    for key in model_folder.NETWORK:
        configured = getattr(config.encoder, key)
        if network[key] != configured:
            differences.append(f"{key} = {configured} (it has {network[key]})")
    if not differences:
        return ""
    wanted = ", ".join(differences)
    return f"the encoder {folder} is of another shape than [encoder] asks for: {wanted}"
