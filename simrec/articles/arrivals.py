"""When articles came in: of copies, the one that simrec saw first is the original."""

import sqlite3

TABLE = (
    "CREATE TABLE IF NOT EXISTS arrivals "
    "(id TEXT PRIMARY KEY NOT NULL, ingest INTEGER NOT NULL) WITHOUT ROWID"
)


class Arrivals:
    """Notes, inside one transaction, which articles came in later than the first ones.

    Ingests that brought articles in are counted from 0; of those of the first nothing is noted. An
    article that was deleted and comes back has come when it came first.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        database.execute(TABLE)
        self._ingest: int | None = None

    def note(self, article_id: str) -> None:
        """Note a new article, before it is stored."""
        if self._ingest is None:
            self._ingest = self._number()
        if not self._ingest:
            return
        query = "SELECT 1 FROM tombstones WHERE id = ?"
        if not self._db.execute(query, (article_id,)).fetchone():
            arrival = (article_id, self._ingest)
            self._db.execute("INSERT OR IGNORE INTO arrivals VALUES (?, ?)", arrival)

    def _number(self) -> int:
        """Return how many ingests have brought articles in before."""
        (last,) = self._db.execute("SELECT max(ingest) FROM arrivals").fetchone()
        if last is not None:
            return int(last) + 1
        known = "SELECT EXISTS (SELECT 1 FROM articles) OR EXISTS (SELECT 1 FROM tombstones)"
        return int(self._db.execute(known).fetchone()[0])


def later_arrivals(database: sqlite3.Connection) -> dict[str, int]:
    """Return the ingests, from 1 on, that brought articles in after the first one, by id."""
    query = "SELECT 1 FROM sqlite_master WHERE name = 'arrivals'"
    if not database.execute(query).fetchone():
        return {}
    return dict(database.execute("SELECT id, ingest FROM arrivals"))
