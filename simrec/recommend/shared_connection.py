"""One connection to the tables of a release that threads share, taking turns."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from simrec.release_folder import ReleaseFolder


class SharedConnection:
    """A connection that stays open while the release is pruned, and goes on reading its file."""

    def __init__(self, folder: ReleaseFolder) -> None:
        self._lock = threading.Lock()
        self._attaching = threading.Lock()
        self._db = folder.open_tables(any_thread=True)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def fold_case(self) -> None:
        """Let queries call `casefold(text)`, since SQLite knows only the capitals of ASCII."""
        self._db.create_function("casefold", 1, str.casefold, deterministic=True)

    @contextmanager
    def attached(self, uri: str, name: str) -> Iterator[None]:
        """Let queries read another database under a name; threads take turns with each name."""
        with self._attaching:
            self.rows(f"ATTACH ? AS {name}", (uri,))
            try:
                yield
            finally:
                self.rows(f"DETACH {name}")

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return the rows that a query finds."""
        return self.rows_of_each(query, [parameters])

    def rows_of_each(self, query: str, parameters: Iterable[Sequence[Any]]) -> list[Any]:
        """Return what a query finds for each of some parameters."""
        rows = []
        # Of a shared connection, threads could bind values to one cached statement.
        with self._lock:
            for values in parameters:
                rows += self._db.execute(query, values).fetchall()
        return rows
