"""What a step is and says, and what several steps ask of a workspace."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from simrec.articles.article import held_out_below
from simrec.config import Config
from simrec.errors import ReleaseError
from simrec.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

    from simrec.encoder.query_cache import Encode
    from simrec.lexical.tfidf import TfIdf


OUTGROWN = 2  # times the articles that word weights, and TF-IDF beside them, were fitted on


@dataclass(frozen=True)
class StepResult:
    """What a step did, for the journal: a sentence, rows in and out, and whether there was nothing to do."""

    sentence: str
    rows_in: int = 0
    rows_out: int = 0
    skipped: bool = False


Step = Callable[[Workspace, Config], StepResult]


def encoder_id_of(workspace: Workspace) -> str:
    """Return the id of the encoder in use; ReleaseError if there is none."""
    from simrec.encoder.model_folder import newest

    encoder_id = newest(workspace.encoders)
    if encoder_id is None:
        raise ReleaseError(
            f"{workspace.root}: no encoder yet; run simrec embed, or simrec train first"
        )
    return encoder_id


def boundary_of(workspace: Workspace, config: Config) -> bytes:
    """Return the key below which texts are held out from the encoder in use.

    An encoder from elsewhere has learned from none of these articles: those ask that a training would keep aside.
    """
    from simrec.encoder.model_folder import read_card

    card = read_card(workspace.encoder(encoder_id_of(workspace)))
    return held_out_below(
        card["training"]["held_out"] if "plan" in card else config.training.held_out
    )


def encode_asked(
    workspace: Workspace, config: Config, encoder_id: str, keep: bool = True
) -> "Encode":
    """Return what encodes the texts that suites ask with; those of earlier nights are not encoded again.

    Without `keep` nothing is written, which is for those who do not hold the lock.
    """
    from simrec.encoder.query_cache import with_query_cache

    def encode(texts: Sequence[str]) -> "np.ndarray":
        from simrec.encoder.runtime import Encoder
        from simrec.tasks import local

        return Encoder(
            workspace.encoder(encoder_id), local.worker_count(config.engine.workers)
        ).encode(texts)

    return with_query_cache(encode, workspace.query_cache(encoder_id), keep)


def lexical_of(workspace: Workspace, config: Config) -> "TfIdf | None":
    """Return the word weights in use, with their share in a score; None if the share is nothing."""
    from simrec.lexical.tfidf import TfIdf

    asked = config.recommend.lexical_weight
    path = workspace.lexical(encoder_id_of(workspace))
    if asked == 0 or not path.exists():
        return None
    lexical = TfIdf.open(path)
    lexical = lexical if asked == "auto" else lexical.with_weight(asked)
    return lexical if lexical.weight else None


def rules(*sections: msgspec.Struct) -> str:
    """Return sections of the configuration as text, for what is derived from them."""
    return json.dumps([msgspec.to_builtins(section) for section in sections])
