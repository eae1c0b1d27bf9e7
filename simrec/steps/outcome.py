"""What a step is and says, and what several steps ask of a workspace."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from simrec import release
from simrec.articles.article import held_out_below
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import GateError, ReleaseError
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.encoder.lexical import Lexical


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


def boundary_of(workspace: Workspace, config: Config) -> bytes:
    """Return the key below which texts are held out from the encoder in use.

    An encoder from elsewhere has learned from none of these articles: those ask that a training would keep aside.
    """
    from simrec.encoder.folder import read_card

    card = read_card(workspace.encoder(encoder_id_of(workspace)))
    return held_out_below(card["training"]["held_out"] if "plan" in card else config.training.held_out)


def lexical_of(workspace: Workspace, config: Config) -> "Lexical | None":
    """Return the word weights in use, with their share in a score; None if the share is nothing."""
    from simrec.encoder.lexical import Lexical

    asked = config.recommend.lexical_weight
    path = workspace.lexical(encoder_id_of(workspace))
    if asked == 0 or not path.exists():
        return None
    lexical = Lexical.open(path)
    lexical = lexical if asked == "auto" else lexical.weighing(asked)
    return lexical if lexical.weight else None


def rules(*sections: msgspec.Struct) -> str:
    """Return sections of the configuration as text, for what is derived from them."""
    return json.dumps([msgspec.to_builtins(section) for section in sections])


def stage(workspace: Workspace, config: Config) -> Path | None:
    """Return the staging folder of the release that is due, or None if it is published already."""
    release_id = due(workspace, config)
    return None if workspace.release(release_id).exists() else workspace.staged(release_id)


def due(workspace: Workspace, config: Config) -> str:
    """Return the id of the release of the articles of now; GateError if there are none."""
    with Store.open(workspace.articles_db) as store:
        if not store.count():
            raise GateError(f"{workspace.root}: there are no articles, so there is nothing to release")
        settings = rules(config.index, config.recommend)
        lexical = lexical_of(workspace, config)
        words = f" {lexical.id} {lexical.weight}" if lexical else ""
        return release.derive_id(store.keys(), encoder_id_of(workspace) + words, settings)


def nothing_to_do(staged: Path | None) -> Outcome:
    """Return the outcome of a step that was done before: for a staged release, or for a published one."""
    where = "is published" if staged is None else "is done"
    return Outcome(f"nothing changed since this {where}", skipped=True)


def need(path: Path, step: str) -> None:
    """Raise ReleaseError unless the step before has made its file."""
    if not path.exists():
        raise ReleaseError(f"the articles of now have not been through '{step}' yet; run simrec {step} first")


def read_json(path: Path) -> Any:
    """Return what a JSON file of a release says."""
    return json.loads(path.read_bytes())
