"""The release that is being made: where it stands, and what steps ask of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simrec import __version__, log, manifest, release
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import GateError, ReleaseError
from simrec.release_folder import ReleaseFolder
from simrec.steps.outcome import StepResult, encoder_id_of, lexical_of, rules
from simrec.tasks.stages import PARTS, Stages
from simrec.workspace import Workspace

GATHERED_ROWS = 65_536


def stage(workspace: Workspace, config: Config, today: str | None = None) -> ReleaseFolder | None:
    """Return the staging folder of the release that is due, or None if it is published already."""
    release_id = release_id_of(workspace, config, today)
    return None if workspace.release(release_id).exists() else workspace.staged_release(release_id)


def release_id_of(workspace: Workspace, config: Config, today: str | None = None) -> str:
    """Derive the id of the release that is due; GateError if there are no articles.

    Where freshness is on, ages are counted from the newest article that is not dated after today, so
    that its day is part of the id. Nothing else of a release depends on the clock.
    """
    with Store.open(workspace.articles_db) as store:
        if not store.count():
            raise GateError(
                f"{workspace.root}: there are no articles, so there is nothing to release"
            )
        settings = f"{rules(config.index, config.recommend, config.rules)} {manifest.FORMAT}"
        if config.rules.freshness_half_life:
            settings += f" {store.newest_day(today or log.now())}"
        lexical = lexical_of(workspace, config)
        words = f" {lexical.id} {lexical.weight}" if lexical else ""
        return release.derive_id(store.keys(), encoder_id_of(workspace) + words, settings)


def nothing_to_do(workspace: Workspace, staged: ReleaseFolder | None) -> StepResult:
    """Say that a step has been done before."""
    where = "is published" if staged is None else "is done"
    return StepResult(f"nothing changed since this {where}", skipped=True)


@contextmanager
def stages(staged: ReleaseFolder, step: str, config: Config) -> Iterator[Stages]:
    """Yield what runs the stages of a step on the engine; what they wrote is removed when the step is through."""
    from simrec.tasks.engine import open_engine

    with open_engine(config.engine) as engine:
        made = Stages(
            engine.run, (staged.path / PARTS).absolute(), f"{step} of simrec {__version__}"
        )
        yield made
    made.end()


def need(path: Path, step: str) -> None:
    """Raise ReleaseError unless the step before has been done."""
    if not path.exists():
        raise ReleaseError(
            f"the articles of now have not been through '{step}' yet; run simrec {step} first"
        )


def read_json(path: Path) -> Any:
    """Return what one of our own files holds."""
    return json.loads(path.read_bytes())


def gather(workspace: Workspace, name: str, path: Path, width: int, dtype: str) -> list[str]:
    """Write what a cache holds of all articles, in order of id; return the ids."""
    from simrec import arrays
    from simrec.encoder.embedding_cache import EmbeddingCache

    with Store.open(workspace.articles_db) as store:
        rows = list(store.keys())
    keys = [text_key for _, _, text_key in rows]
    cache = EmbeddingCache(workspace.embeddings(name))
    missing = cache.missing(keys)
    if missing:
        raise ReleaseError(
            f"{len(missing):,} articles have no vector of {name}; run simrec embed first"
        )
    parts = (keys[start : start + GATHERED_ROWS] for start in range(0, len(keys), GATHERED_ROWS))
    arrays.write_npy(path, map(cache.gather, parts), (len(keys), width), dtype)
    return [article_id for article_id, _, _ in rows]
