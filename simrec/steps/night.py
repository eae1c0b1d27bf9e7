"""A night: one run over a workspace, which looks up once what its steps have in common."""

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

import msgspec

from simrec import __version__, log, manifest, release
from simrec.articles.article import held_out_below
from simrec.articles.store import Store, naming_damage
from simrec.config import Config
from simrec.encoder import model_folder
from simrec.errors import GateError, ReleaseError
from simrec.files import JsonObject
from simrec.lexical.tfidf import TfIdf
from simrec.recommend.click_file import checksum
from simrec.recommend.editors_file import EditorsFile
from simrec.recommend.score_shares import read_shares
from simrec.release_folder import ReleaseFolder
from simrec.tasks.engine import open_engine
from simrec.tasks.stages import PARTS, Stages
from simrec.workspace import Workspace

logger = logging.getLogger(__name__)


class Night:
    """One run over a workspace: which encoder is in use, which release is due, what words weigh.

    All of it is looked up when it is first needed, and again after a step has changed what it is
    made from. `today` is a UTC timestamp, by default the time now.
    """

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        today: str | None = None,
    ) -> None:
        self.workspace = workspace
        self.config = config
        self.today = today or log.now()
        self._store: Store | None = None
        self._resources = ExitStack()

    def __enter__(self) -> "Night":
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @contextmanager
    def open_store(self, create: bool = False) -> Iterator[Store]:
        """Yield the article store, which stays open until the night is over.

        ReleaseError if there is none and it is not to be created, or if it is damaged.
        """
        path = self.workspace.articles_db
        if self._store is None:
            self._store = self._resources.enter_context(Store.open(path, create))
        with naming_damage(path):
            yield self._store

    @cached_property
    def newest_encoder(self) -> str | None:
        """The id of the encoder in use, or None before the first."""
        return model_folder.newest(self.workspace.encoders)

    @property
    def encoder_id(self) -> str:
        """The id of the encoder in use; ReleaseError if there is none."""
        if self.newest_encoder is None:
            raise ReleaseError(
                f"{self.workspace.root}: no encoder yet; run simrec embed, or simrec train first"
            )
        return self.newest_encoder

    @property
    def encoder(self) -> Path:
        """The folder of the encoder in use."""
        return self.workspace.encoder(self.encoder_id)

    @cached_property
    def encoder_card(self) -> model_folder.EncoderCard:
        """How the encoder in use was made."""
        return model_folder.read_card(self.encoder)

    @property
    def held_out_boundary(self) -> bytes:
        """The text key below which texts are held out from the encoder in use.

        An encoder trained elsewhere has seen none of these articles; the articles that training
        would hold out are the queries.
        """
        share = self.config.training.held_out
        if self.encoder_card.plan:
            share = self.encoder_card.training["held_out"]
        return held_out_below(share)

    @cached_property
    def tfidf(self) -> TfIdf | None:
        """The word weights in use, with their share in a score; None if the share is 0."""
        weight = self.config.recommend.lexical_weight
        path = self.workspace.lexical(self.encoder_id)
        if weight == 0 or not path.exists():
            return None
        tfidf = TfIdf.open(path)
        if weight != "auto":
            tfidf = tfidf.with_weight(weight)
        return tfidf if tfidf.weight else None

    @cached_property
    def editors(self) -> EditorsFile:
        """What the editors want; ConfigError for what cannot be meant."""
        config = self.config.recommend
        if not config.editors:
            return EditorsFile()
        editors = EditorsFile.read(Path(config.editors))
        editors.check_places("article", config.similar_articles)
        editors.check_places("account", config.similar_accounts)
        return editors

    @cached_property
    def clicks(self) -> str:
        """The checksum of the file of clicks, "" without one; ConfigError if it is not there."""
        path = self.config.recommend.clicks
        return checksum(Path(path)) if path else ""

    @property
    def lexical_weight(self) -> float:
        """The share of words in a score."""
        return self.tfidf.weight if self.tfidf else 0.0

    @cached_property
    def smoothing(self) -> float:
        """The share in a score of articles averaged with their neighbours."""
        smoothing = self.config.recommend.smoothing
        if smoothing != "auto":
            return smoothing
        return float(self.shares["smoothing"]) if self.shares else 0.0

    @property
    def shares(self) -> JsonObject:
        """The shares of a score as they were chosen; nothing where words have none."""
        path = self.workspace.shares(self.encoder_id)
        if self.tfidf is None or not path.exists():
            return {}
        return read_shares(path)

    @cached_property
    def release_id(self) -> str:
        """The id of the release that is due; GateError if there are no articles.

        Where age matters, the day of the newest article that is not dated after today is part of
        the id. Nothing else of a release depends on the clock.
        """
        config = self.config
        # What the files say decides, not where they lie.
        recommend = msgspec.structs.replace(
            config.recommend, editors=self.editors.sha256, clicks=self.clicks
        )
        settings = (
            f"{as_text(config.index, recommend, config.rules, config.stories)} {manifest.FORMAT}"
        )
        with self.open_store() as store:
            if not store.count():
                raise GateError(
                    f"{self.workspace.root}: there are no articles, so there is nothing to release"
                )
            if config.rules.freshness_half_life or config.rules.max_age_days:
                settings += f" {store.newest_day(self.today)}"
            settings += store.counted_digest()
            made_by = self.encoder_id
            if self.tfidf:
                made_by += f" {self.tfidf.id} {self.tfidf.weight}"
            made_by += f" {self.smoothing}"
            logger.debug("the id of the release that is due is derived")
            return release.derive_id(store.keys(), made_by, settings)

    @property
    def staged(self) -> ReleaseFolder | None:
        """The folder of the release that is due, or None if it is published already."""
        if self.workspace.release(self.release_id).exists():
            return None
        return self.workspace.staged_release(self.release_id)

    def articles_changed(self) -> None:
        """Derive anew what depends on the articles."""
        self._forget("release_id")

    def encoder_changed(self) -> None:
        """Look up anew which encoder is in use, and what depends on it."""
        self._forget("newest_encoder", "encoder_card", "tfidf", "smoothing", "release_id")

    def word_weights_changed(self) -> None:
        """Open the word weights anew, and derive what depends on them."""
        self._forget("tfidf", "smoothing", "release_id")

    def _forget(self, *names: str) -> None:
        for name in names:
            self.__dict__.pop(name, None)

    @contextmanager
    def stages(self, step: str, staged: ReleaseFolder) -> Iterator[Stages]:
        """Yield what runs the stages of a step on the engine; parts are removed at the end."""
        with open_engine(self.config.engine) as engine:
            stages = Stages(
                engine.run,
                (staged.path / PARTS).absolute(),
                f"{step} of simrec {__version__}",
                self.config.engine.max_part_rows,
            )
            yield stages
        stages.end()


def as_text(*sections: msgspec.Struct) -> str:
    """Return sections of the configuration as text, for ids that are derived from them."""
    return json.dumps([msgspec.to_builtins(section) for section in sections])
