"""Where training is to begin: with the pretrained encoder, another one, the articles alone, or a teacher."""

import logging
from pathlib import Path
from typing import Literal, NamedTuple

from tokenizers import Tokenizer

from simrec.articles.article import encoded_text
from simrec.config import Config
from simrec.encoder import folder as encoder_folder
from simrec.encoder.material import Material
from simrec.encoder.tokenizer import unknown_share
from simrec.errors import ConfigError, ReleaseError

logger = logging.getLogger(__name__)

PRETRAINED = Path(__file__).parent / "pretrained"
MOST_UNKNOWN = 0.05  # share of tokens; beyond it the articles are in a script the tokenizer does not know
ASKED = 500  # articles


class Vocabulary(NamedTuple):
    """A teacher's tokenizer, and the file of its vectors of single tokens, in order of their ids."""

    tokenizer: Path
    tokens: Path


class Begin(NamedTuple):
    """Where training begins; `encoder` is a folder, `vocabulary` is of a teacher that has one."""

    kind: Literal["articles", "encoder", "teacher"]
    name: str
    encoder: Path | None = None
    vocabulary: Vocabulary | None = None


def choose(config: Config, material: Material, vocabulary: Vocabulary | None) -> Begin:
    """Return where `training.start` says to begin; ConfigError for an encoder of another shape, ReleaseError for none.

    "auto" is the pretrained encoder, unless [encoder] asks for another shape or the articles are in a
    script it cannot read; then it is the articles alone.
    """
    match config.training.start:
        case "articles":
            return Begin("articles", "articles")
        case "teacher":
            return Begin("teacher", "teacher", vocabulary=vocabulary)
        case "pretrained":
            return _encoder(PRETRAINED, config)
        case "auto":
            why_not = _misfit(PRETRAINED, config) or unreadable(PRETRAINED, material.articles[:ASKED])
            if why_not:
                logger.info("train: starts from the articles alone, since %s", why_not)
                return Begin("articles", "articles")
            return _encoder(PRETRAINED, config)
        case path:
            return _encoder(Path(path), config)


def unreadable(encoder: Path, articles: list[tuple[str, str]]) -> str:
    """Say why an encoder cannot read these articles, or nothing; ReleaseError if it is damaged."""
    encoder_folder.check(encoder)
    tokenizer = Tokenizer.from_file(str(encoder / encoder_folder.TOKENIZER))
    unknown = unknown_share(tokenizer, [encoded_text(title, text[:1_000]) for title, text in articles])
    return f"{unknown:.0%} of their tokens are unknown to the encoder {encoder}" if unknown > MOST_UNKNOWN else ""


def _encoder(folder: Path, config: Config) -> Begin:
    misfit = _misfit(folder, config)
    if misfit:
        raise ConfigError(f"{misfit}; set training.start = 'articles' to train one of another shape from the articles")
    return Begin("encoder", encoder_folder.read_id(folder), encoder=folder)


def _misfit(folder: Path, config: Config) -> str:
    try:
        has = encoder_folder.check(folder).network
    except ReleaseError as error:
        return str(error)
    differs = [key for key in encoder_folder.NETWORK if has[key] != getattr(config.encoder, key)]
    wanted = ", ".join(f"{key} = {getattr(config.encoder, key)} (it has {has[key]})" for key in differs)
    return f"the encoder {folder} is of another shape than [encoder] asks for: {wanted}" if differs else ""
