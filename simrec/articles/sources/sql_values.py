"""Values that a database can hold and Python cannot: they come in as the database writes them."""

import re
import sqlite3
from datetime import UTC, date, datetime, timedelta
from typing import Any

# Kinds of PostgreSQL that hold what Python cannot: infinity, years BC and beyond 9999, 24:00:00.
WIDER_IN_POSTGRESQL = ("date", "timestamp", "timestamptz", "time", "timetz", "interval")
TEXTS_IN_POSTGRESQL = ("text", "varchar", "bpchar", "name")
BEYOND = re.compile(r"infinity|\d{5}")
LATER_SOMEWHERE = timedelta(days=1)  # that a clock without a zone may be ahead of UTC


class RawValue(str):
    """A date or time that Python cannot hold, as the database writes it."""


def accept_any_value(connection: Any) -> None:
    """Let a DBAPI connection return what Python cannot hold, where its driver would raise.

    Dates and times become RawValue; bytes that are no UTF-8 become surrogates, as in file names.
    PyMySQL does so by itself: a zero date is a text.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.text_factory = decode
    elif type(connection).__module__.partition(".")[0] == "psycopg":
        _keep_raw_dates(connection)
        if connection.info.parameter_status("client_encoding") == "SQL_ASCII":
            _decode_texts(connection)


def decode(content: bytes) -> str:
    """Return UTF-8 as text; a byte that is none becomes half a surrogate pair."""
    return content.decode(errors="surrogateescape")


def readable(value: Any) -> Any:
    """Return a value of a row as sources give them: bytes and RawValue as text."""
    if isinstance(value, bytes):
        return decode(value)
    return str(value) if isinstance(value, RawValue) else value


def is_in_future(value: Any) -> bool:
    """Tell whether a date, or a text that begins as one, is later than anywhere on Earth now."""
    if isinstance(value, RawValue):
        return bool(BEYOND.match(value))
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return False
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment > _latest_now()
    return isinstance(value, date) and value > _latest_now().date()


def latest_now(like: Any) -> datetime | date | str:
    """Return the latest moment that is now somewhere on Earth, in the type of another value."""
    moment = _latest_now()
    if isinstance(like, str) and not isinstance(like, RawValue):
        return moment.isoformat()
    if isinstance(like, date) and not isinstance(like, datetime):
        return moment.date()
    return moment


def _latest_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) + LATER_SOMEWHERE


def _keep_raw_dates(connection: Any) -> None:
    from psycopg.adapt import Loader
    from psycopg.errors import DataError
    from psycopg.pq import Format

    adapters = connection.adapters

    class RawLoader(Loader):
        """Loads what the loader of PostgreSQL's own type refuses as a RawValue."""

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._load = strict[oid](oid, context).load

        def load(self, data: Any) -> Any:
            try:
                return self._load(data)
            except DataError:
                return RawValue(bytes(data).decode())

    strict: dict[int, Any] = {}
    for name in WIDER_IN_POSTGRESQL:
        oid = adapters.types[name].oid
        strict[oid] = adapters.get_loader(oid, Format.TEXT)
        adapters.register_loader(oid, RawLoader)


def _decode_texts(connection: Any) -> None:
    """Let texts of a database without an encoding be texts; psycopg takes them for bytes."""
    from psycopg.adapt import Loader

    class TextLoader(Loader):
        """Loads bytes of any encoding as UTF-8; see `decode`."""

        def load(self, data: Any) -> str:
            return decode(bytes(data))

    for name in TEXTS_IN_POSTGRESQL:
        connection.adapters.register_loader(connection.adapters.types[name].oid, TextLoader)
