"""Where training is to begin: with the pretrained encoder, another one, the articles alone, or a teacher."""

import logging
from pathlib import Path
from typing import Literal, NamedTuple

from simrec.config import Config
from simrec.encoder import model_folder as encoder_folder
from simrec.encoder.default_encoder import ASKED, PRETRAINED, unreadable
from simrec.errors import ConfigError, ReleaseError
from simrec.training.corpus import TrainingCorpus

logger = logging.getLogger(__name__)


class TeacherVocabulary(NamedTuple):
    """A teacher's tokenizer, and the file of its vectors of single tokens, in order of their ids."""

    tokenizer: Path
    tokens: Path


class StartingPoint(NamedTuple):
    """Where training begins; `encoder` is a folder, `vocabulary` is of a teacher that has one."""

    kind: Literal["articles", "encoder", "teacher"]
    name: str
    encoder: Path | None = None
    vocabulary: TeacherVocabulary | None = None


def choose(
    config: Config, material: TrainingCorpus, vocabulary: TeacherVocabulary | None
) -> StartingPoint:
    """Return where `training.start` says to begin; ConfigError for an encoder of another shape, ReleaseError for none.

    "auto" is the pretrained encoder, unless [encoder] asks for another shape or the articles are in a
    script it cannot read; then it is the articles alone.
    """
    match config.training.start:
        case "articles":
            return StartingPoint("articles", "articles")
        case "teacher":
            return StartingPoint("teacher", "teacher", vocabulary=vocabulary)
        case "pretrained":
            return _encoder(PRETRAINED, config)
        case "auto":
            why_not = _misfit(PRETRAINED, config) or unreadable(
                PRETRAINED, material.articles[:ASKED]
            )
            if why_not:
                logger.info("train: starts from the articles alone, since %s", why_not)
                return StartingPoint("articles", "articles")
            return _encoder(PRETRAINED, config)
        case path:
            return _encoder(Path(path), config)


def _encoder(folder: Path, config: Config) -> StartingPoint:
    misfit = _misfit(folder, config)
    if misfit:
        raise ConfigError(
            f"{misfit}; set training.start = 'articles' to train one of another shape from the articles"
        )
    return StartingPoint("encoder", encoder_folder.read_id(folder), encoder=folder)


def _misfit(folder: Path, config: Config) -> str:
    try:
        has = encoder_folder.check(folder).network
    except ReleaseError as error:
        return str(error)
    differs = [key for key in encoder_folder.NETWORK if has[key] != getattr(config.encoder, key)]
    wanted = ", ".join(
        f"{key} = {getattr(config.encoder, key)} (it has {has[key]})" for key in differs
    )
    return (
        f"the encoder {folder} is of another shape than [encoder] asks for: {wanted}"
        if differs
        else ""
    )
