"""Follows CURRENT: opens the next release beside the one that answers, then answers from it."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simrec.errors import ReleaseError, SimrecError
from simrec.manifest import Manifest
from simrec.recommend.query import Query
from simrec.recommend.recommender import Recommender
from simrec.recommend.release_overview import ReleaseOverview
from simrec.release import Release, current_id
from simrec.workspace import Workspace

LOOKS_EVERY = 1.0  # second at CURRENT
NO_RELEASE = "no release is published yet; `simrec run` or the nightly job makes one"
DAMAGED = "the current release cannot be opened; the log of the server says why"

logger = logging.getLogger(__name__)


class OpenRelease:
    """One release with all that a question may need, open, so that it may also be pruned."""

    def __init__(self, workspace: Workspace, release: Release) -> None:
        self.workspace = workspace
        self.manifest = release.manifest
        self.folder = release.folder
        self.recommender = Recommender(workspace, reload=False)
        self.overview = ReleaseOverview(release.folder)
        self.users = 0  # requests at work with it
        if self.recommender.release_id != self.release_id:  # published in between
            self.close()
            raise ReleaseError(f"{release.folder}: no longer the current release")

    @property
    def release_id(self) -> str:
        return self.manifest.release_id

    def close(self) -> None:
        """Close all that is open."""
        self.recommender.close()
        self.overview.close()

    def warm_up(self) -> None:
        """Ask once with a text, so that the first reader does not wait for libraries to load."""
        if self.manifest.articles:
            self.recommender.search(Query(text="a first text"), n=1)


class CurrentRelease:
    """The release that answers now. Threads may share it.

    A request that has begun ends with its release, also when the next one is published meanwhile.
    A release that cannot be opened is refused: the one before goes on answering.
    """

    def __init__(self, root: Path) -> None:
        """Open the current release, if there is one; ReleaseError if there is no workspace."""
        self._workspace = Workspace.open(root)
        self._lock = threading.Lock()  # over all that is below
        self._current: OpenRelease | None = None
        self.problem = NO_RELEASE  # why the newest release does not answer, "" if it does
        self._stopped = threading.Event()
        self.look()

    @property
    def manifest(self) -> Manifest | None:
        """The manifest of the release that answers, None if there is none."""
        release = self._current
        return release.manifest if release else None

    @contextmanager
    def borrowed(self) -> Iterator[OpenRelease]:
        """Yield the release that answers, which stays open meanwhile; ReleaseError without one."""
        with self._lock:
            release = self._current
            if release is None:
                raise ReleaseError(self.problem)
            release.users += 1
        try:
            yield release
        finally:
            with self._lock:
                release.users -= 1
                self._close_if_unused(release)

    def follow(self) -> None:
        """Look at CURRENT until `close` is called; for a thread of its own."""
        while not self._stopped.wait(LOOKS_EVERY):
            self.look()

    def look(self) -> None:
        """Answer from the release that CURRENT names, if it does not answer yet."""
        try:
            release_id = current_id(self._workspace)
            if release_id is None or self._is_known(release_id):
                return
            opened = OpenRelease(self._workspace, Release.current(self._workspace))
            opened.warm_up()
        except (SimrecError, OSError, sqlite3.Error) as error:
            self._refuse(error)
            return
        self._answer_from(opened)

    def close(self) -> None:
        """Stop following, and close what is open as soon as its requests have ended."""
        self._stopped.set()
        with self._lock:
            release = self._current
            self._current = None
            self.problem = NO_RELEASE
            if release:
                self._close_if_unused(release)

    def _is_known(self, release_id: str) -> bool:
        """Tell whether a release answers already; one that was refused is tried again."""
        return self._current is not None and self._current.release_id == release_id

    def _refuse(self, error: Exception) -> None:
        if self.problem != DAMAGED:  # once, and not every second
            logger.error("serve: the release before goes on answering: %s", error)
        self.problem = DAMAGED

    def _answer_from(self, opened: OpenRelease) -> None:
        with self._lock:
            before = self._current
            self._current = opened
            self.problem = ""
            if before:
                self._close_if_unused(before)
        logger.info("serve: release %s answers", opened.release_id)

    def _close_if_unused(self, release: OpenRelease) -> None:
        if release is not self._current and not release.users:
            release.close()
