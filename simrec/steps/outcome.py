"""What a step is and says, and what several steps ask of a workspace."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from simrec.config import Config
from simrec.errors import ReleaseError
from simrec.workspace import Workspace


@dataclass(frozen=True)
class Outcome:
    """What a step did, for the journal: a sentence, rows in and out, and whether there was nothing to do."""

    sentence: str
    rows_in: int = 0
    rows_out: int = 0
    skipped: bool = False


Step = Callable[[Workspace, Config], Outcome]


def encoder_id_of(workspace: Workspace) -> str:
    """Return the id of the encoder in use; ReleaseError if there is none."""
    from simrec.encoder.folder import newest

    encoder_id = newest(workspace.encoders)
    if encoder_id is None:
        raise ReleaseError(f"{workspace.root}: no encoder yet; run simrec embed, or simrec train first")
    return encoder_id


def rules(*sections: msgspec.Struct) -> str:
    """Return sections of the configuration as text, for what is derived from them."""
    return json.dumps([msgspec.to_builtins(section) for section in sections])
