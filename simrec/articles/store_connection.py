"""Connections to the article store: readers hold beside a writer, whoever they are."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path


def connect_reader(path: Path, immutable: bool, timeout: float) -> sqlite3.Connection:
    """Return a connection that cannot write.

    It needs the WAL and the place of its locks beside the file, which a writer leaves there. Where
    they are not, as on a read-only disk, nobody writes, and the file is taken for immutable.
    """
    if not immutable:
        connection = _connect(path, "mode=ro", timeout)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return connection
        except sqlite3.OperationalError:
            connection.close()
    return _connect(path, "immutable=1", timeout)


@contextmanager
def connect_writer(path: Path, timeout: float) -> Iterator[sqlite3.Connection]:
    """Yield a connection that may write, and leave the WAL, empty, when it is closed.

    SQLite removes the WAL with the last connection, unless that one cannot write.
    """
    last: sqlite3.Connection | None = None
    try:
        with closing(_connect(path, "mode=rwc", timeout)) as database:
            yield database
            with suppress(sqlite3.Error):  # another reads, or the disk is full
                last = _connect(path, "mode=ro", timeout)
                last.execute("SELECT count(*) FROM sqlite_master").fetchone()
                database.execute("PRAGMA busy_timeout = 0")
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        if last:
            last.close()


def _connect(path: Path, mode: str, timeout: float) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout)
