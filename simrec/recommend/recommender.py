"""The recommender: answers from the current release of a workspace, for any number of threads."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from simrec.errors import ReleaseError, UsageError
from simrec.recommend.hits import AccountHit, ArticleDetails, Hit, StoryArticle
from simrec.recommend.lazy import Lazy
from simrec.recommend.query import NO_FILTERS, Filters, Query
from simrec.recommend.release_reader import ReleaseReader, SearchOptions
from simrec.release import Release, current_id
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.articles.article import Account
    from simrec.encoder.runtime import Encoder

Answer = TypeVar("Answer")


class Recommender:
    """Similar articles and accounts; it takes no locks on disk and writes nothing.

    Threads may share one. Every answer comes from one whole release. The encoder is opened once,
    and again only for a release of another encoder.
    """

    def __init__(self, workspace: Workspace, reload: bool = True) -> None:
        """Open the current release; see `simrec.open`."""
        self._workspace = workspace
        self._reload = reload
        self._lock = threading.Lock()  # over all that is below
        self._encoder_id = ""
        self._encoder: Lazy[Encoder]
        self._users: dict[ReleaseReader, int] = {}  # calls at work in each reader that is open
        self._reader: ReleaseReader | None = self._open_reader()

    @classmethod
    def open(cls, workspace: str | os.PathLike[str], reload: bool = True) -> Self:
        """Open a workspace's current release; ReleaseError if there is none."""
        return cls(Workspace.open(Path(workspace)), reload)

    def close(self) -> None:
        """Close what is open, as soon as the calls of other threads have ended."""
        with self._lock:
            self._retire()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def release_id(self) -> str:
        """Return the id of the release that answers now."""
        return self._answer(lambda reader: reader.release_id)

    def search(
        self,
        query: Query,
        n: int = 10,
        filters: Filters = NO_FILTERS,
        rules: bool = True,
        explain: bool = False,
    ) -> list[Hit]:
        """Return the n articles most similar to a query, best first, ties in order of id.

        Without `rules` they are in order of the score. With `explain` every hit has an explanation.
        UnknownIdError if the release does not hold an id of the query.
        """
        options = SearchOptions(n, filters, rules, explain)
        return self._answer(lambda reader: reader.search(query, options))

    def similar(
        self, ids: str | Sequence[str], n: int = 10, filters: Filters = NO_FILTERS
    ) -> list[Hit]:
        """Return the n articles most similar to one article, or to all of several."""
        return self.search(Query(ids=ids), n, filters)

    def similar_to_text(self, text: str, n: int = 10, filters: Filters = NO_FILTERS) -> list[Hit]:
        """Return the n articles most similar to a text."""
        return self.search(Query(text=text), n, filters)

    def accounts(self, account: str, n: int = 10) -> list[AccountHit]:
        """Return the n accounts most similar to one, best first. UnknownIdError."""
        return self._answer(lambda reader: reader.accounts(account, n))

    def accounts_writing_about(self, text: str, n: int = 10) -> list[AccountHit]:
        """Return the n accounts that write about a text, best first."""
        return self._answer(lambda reader: reader.accounts_writing_about(text, n))

    def largest_accounts(self, n: int = 10) -> "list[Account]":
        """Return the n accounts with most articles, ties in order of id."""
        return self._answer(lambda reader: reader.largest_accounts(n))

    def account(self, account: str) -> "Account":
        """Return how many articles an account has, and since when. UnknownIdError."""
        return self._answer(lambda reader: reader.account(account))

    def articles_of(self, account: str, n: int = 10) -> list[ArticleDetails]:
        """Return the n newest articles of an account. UnknownIdError."""
        return self._answer(lambda reader: reader.articles_of(account, n))

    def find(self, words: str, n: int = 10) -> list[ArticleDetails]:
        """Return the n newest articles whose title, URL or id holds all words, in any case.

        They are the newest of all where there are no words.
        """
        return self._answer(lambda reader: reader.find(words.split(), n))

    def with_url(self, url: str) -> ArticleDetails:
        """Return the article of an address, by http or https. UnknownIdError."""
        return self._answer(lambda reader: reader.with_url(url))

    def show(self, article_id: str) -> ArticleDetails:
        """Return what the release knows of an article. UnknownIdError."""
        return self._answer(lambda reader: reader.show(article_id))

    def story(self, article_id: str) -> list[StoryArticle]:
        """Return all coverage of the event that an article is about, in order of date.

        It is empty where no other article is about it. UnknownIdError.
        """
        return self._answer(lambda reader: reader.story(article_id))

    def _answer(self, ask: Callable[[ReleaseReader], Answer]) -> Answer:
        """Ask one release, or the next if it is pruned before all that is needed is open."""
        while True:
            with self._borrowed_reader() as reader:
                try:
                    return ask(reader)
                except (ReleaseError, OSError):
                    if not self._is_superseded(reader):
                        raise

    @contextmanager
    def _borrowed_reader(self) -> Iterator[ReleaseReader]:
        """Yield a reader of the current release, which stays open meanwhile."""
        with self._lock:
            if self._reader is None:
                raise UsageError("this recommender is closed; open another with simrec.open()")
            if self._is_superseded(self._reader):
                successor = self._open_reader()
                self._retire()
                self._reader = successor
            reader = self._reader
            self._users[reader] += 1
        try:
            yield reader
        finally:
            with self._lock:
                self._users[reader] -= 1
                self._close_if_unused(reader)

    def _is_superseded(self, reader: ReleaseReader) -> bool:
        return self._reload and current_id(self._workspace) != reader.release_id

    def _open_reader(self) -> ReleaseReader:
        """Open the current release, or the next one if it is pruned meanwhile."""
        while True:
            release = Release.current(self._workspace)
            try:
                reader = self._open_release(release)
            except (ReleaseError, OSError, sqlite3.Error):
                if current_id(self._workspace) == release.manifest.release_id:
                    raise
            else:
                self._users[reader] = 0
                return reader

    def _open_release(self, release: Release) -> ReleaseReader:
        """Open a release, and all of it if it is to answer after it is pruned."""
        encoder = self._encoder_of(release)
        reader = ReleaseReader(release, encoder, self._workspace.articles_db)
        if self._reload:
            return reader
        try:
            reader.open_all()
        except BaseException:
            reader.close()
            raise
        return reader

    def _encoder_of(self, release: Release) -> "Lazy[Encoder]":
        """Return the encoder of a release, opened on first use and shared by its releases."""
        encoder_id = release.manifest.encoder_id
        if encoder_id != self._encoder_id:
            folder = self._workspace.encoder(encoder_id)
            self._encoder_id = encoder_id
            self._encoder = Lazy(lambda: _open_encoder(folder))
        return self._encoder

    def _retire(self) -> None:
        reader = self._reader
        self._reader = None
        if reader is not None:
            self._close_if_unused(reader)

    def _close_if_unused(self, reader: ReleaseReader) -> None:
        if reader is not self._reader and not self._users[reader]:
            reader.close()
            del self._users[reader]


def _open_encoder(folder: Path) -> "Encoder":
    from simrec.encoder.runtime import Encoder

    return Encoder(folder)
