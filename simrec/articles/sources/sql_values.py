"""Values that a database can hold and Python cannot: they come in as the database writes them."""

import math
import re
import sqlite3
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

# Kinds of PostgreSQL that hold what Python cannot: infinity, years BC and beyond 9999, 24:00:00.
WIDER_IN_POSTGRESQL = ("date", "timestamp", "timestamptz", "time", "timetz", "interval")
TEXTS_IN_POSTGRESQL = ("text", "varchar", "bpchar", "name")
BEYOND = re.compile(r"infinity|\d{5}")
LATER_SOMEWHERE = timedelta(days=1)  # that a clock without a zone may be ahead of UTC
# Numbers may count the seconds, milliseconds, microseconds or nanoseconds since 1970. Up to the
# year 9999 of one unit, they are less than those of today in the next.
UNITS = (1, 10**3, 10**6, 10**9)
YEAR_2000 = 946_684_800  # seconds since 1970
YEAR_10000 = 253_402_300_800
LARGEST = 1e308  # of finite numbers
Number = int | float | Decimal


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
    """Tell whether a date, or a text that begins as one, is later than anywhere on Earth now.

    A number is, if it may count the time since 1970, or is infinite; see `is_clock`.
    """
    if is_number(value):
        return not math.isfinite(value) or _unit_of_future(value) > 0
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


def is_clock(newest: Any, others: Any) -> bool:
    """Tell whether a value in the future is a time, by the newest of the others.

    A number is one if theirs are of the past and after 2000. Numbers that merely count rows have no
    gap before tomorrow.
    """
    if not is_number(newest) or not math.isfinite(newest):
        return True
    if not is_number(others):
        return False
    seconds = float(others) / _unit_of_future(newest)
    return YEAR_2000 <= seconds <= datetime.now(UTC).timestamp()


def is_number(value: Any) -> bool:
    """Tell whether a value of a row is a number."""
    return isinstance(value, Number) and not isinstance(value, bool)


def latest_now(like: Any) -> datetime | date | str | float:
    """Return the latest moment that is now somewhere on Earth, in the type of another value.

    Where that is an infinite number, it is the largest one.
    """
    moment = _latest_now()
    if is_number(like):
        if not math.isfinite(like):
            return LARGEST
        return int(moment.replace(tzinfo=UTC).timestamp()) * _unit_of_future(like)
    if isinstance(like, str) and not isinstance(like, RawValue):
        return moment.isoformat()
    if isinstance(like, date) and not isinstance(like, datetime):
        return moment.date()
    return moment


def _unit_of_future(number: Number) -> int:
    """Return how many units a second has, in which a number is a time after tomorrow, 0 if none."""
    tomorrow = _latest_now().replace(tzinfo=UTC).timestamp()
    for unit in UNITS:
        if tomorrow * unit < number < YEAR_10000 * unit:
            return unit
    return 0


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
