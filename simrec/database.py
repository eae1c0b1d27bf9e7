"""Databases of users: how they are named and opened, and what their errors become."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, NullPool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from simrec.database_url import PASSWORD_FILE, from_environment, password_in, shown_url
from simrec.errors import ConfigError, missing_extra

SECRET_WORDS = ("pass", "pwd", "secret", "token")
DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
# The first statement of a transaction that cannot change anything, by dialect.
READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "START TRANSACTION READ ONLY",
    "mariadb": "START TRANSACTION READ ONLY",
}
# What SQLite's statements may do in a source; `PRAGMA query_only` lets VACUUM INTO write a file.
READING = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}
TIMEOUT = 30  # seconds for a server to answer, or for SQLite's lock


class RefusedError(ConfigError):
    """A database is not there, lets nobody in, or cannot do what it is asked."""


@contextmanager
def transaction(url: str, create: bool = False) -> Iterator[Connection]:
    """Open a database in one transaction, which an exception undoes.

    `create` lets SQLite make its file. An error of the database becomes a RefusedError with the
    first line of its message, without any password.
    """
    address = resolve(url)
    if not create:
        _check_file(address)
    with _errors_in_words(address), _connect(address) as connection:
        yield connection


@contextmanager
def read_only(url: str, prepare: Callable[[Any], None]) -> Iterator[Connection]:
    """Open a database in one transaction that cannot change it; errors are as in `transaction`.

    `prepare` is called with the connection of the driver.
    """
    address = resolve(url)
    _check_file(address)
    with _errors_in_words(address), _connect(address, prepare) as connection:
        statement = READ_ONLY.get(connection.dialect.name)
        if statement:
            connection.exec_driver_sql(statement)
        driver = connection.connection.dbapi_connection
        if isinstance(driver, sqlite3.Connection):
            driver.set_authorizer(_allow_reading)
        yield connection


def _allow_reading(action: int, name: str | None, *_: str | None) -> int:
    """Let SQLite prepare what reads, and nothing that writes, attaches or sets something."""
    asks_version = action == sqlite3.SQLITE_PRAGMA and name == "data_version"  # as FTS5 does
    allowed = action in READING or asks_version
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def resolve(url: str) -> URL:
    """Return a URL; "$NAME", as the whole or as its password, comes from the environment.

    The password may also stand in the file that follows `#password_file=`. No message shows a
    password, nor what may be a part of one.
    """
    url, _, password_file = url.partition(PASSWORD_FILE)
    shown = shown_url(url)
    try:
        address = make_url(from_environment(url))
    except (SQLAlchemyError, ValueError):
        raise ConfigError(
            f"{shown} is no URL of a database, such as postgresql://user@host/database"
        ) from None
    if not is_sqlite(address) and "@" in f"{address.host}{address.database}":
        raise ConfigError(f"{shown} holds more than one @; write those of the password as %40")
    if password_file:
        address = address.set(password=password_in(Path(password_file)))
    elif address.password:
        address = address.set(password=_given_password(address))
    return address.set(drivername=DRIVERS.get(address.drivername, address.drivername))


def _given_password(address: URL) -> str:
    what = f"the password of {name_of(address)}"
    return from_environment(str(address.password), what)


def name_of(address: URL) -> str:
    """Return the kind and place of a database for messages, without user and password."""
    port = f":{address.port}" if address.port else ""
    kind = address.drivername.partition("+")[0]
    return f"{kind}://{address.host or ''}{port}/{address.database or ''}"


def is_sqlite(address: URL) -> bool:
    """Tell whether a database is a file of SQLite."""
    return address.drivername.startswith("sqlite")


def _check_file(address: URL) -> None:
    if is_sqlite(address) and not Path(address.database or "").is_file():
        raise RefusedError(f"{name_of(address)}: no such file")


@contextmanager
def _errors_in_words(address: URL) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        message = _message(original).strip().partition("\n")[0]
        for secret in _secrets(address):
            message = message.replace(secret, "***")
        raise RefusedError(f"{name_of(address)}: {message}; nothing was changed") from error


def _secrets(address: URL) -> list[str]:
    """Return the password of a URL and what in its query may be one, longest first."""
    secrets = [str(address.password or "")]
    for name, value in address.query.items():
        if any(word in name.lower() for word in SECRET_WORDS):
            secrets += [value] if isinstance(value, str) else value
    return sorted(filter(None, secrets), key=len, reverse=True)


def _message(error: BaseException | None) -> str:
    """Return what a driver says; PyMySQL says a number and a sentence."""
    match getattr(error, "args", ()):
        case (int(), str() as sentence):
            return sentence
    return str(error)


@contextmanager
def _connect(address: URL, prepare: Callable[[Any], None] | None = None) -> Iterator[Connection]:
    options = {"timeout" if is_sqlite(address) else "connect_timeout": TIMEOUT}
    try:
        engine = create_engine(address, poolclass=NullPool, connect_args=options)
    except NoSuchModuleError as error:
        raise ConfigError(
            f"{name_of(address)}: no such kind of database; postgresql, mysql and sqlite are known"
        ) from error
    except ModuleNotFoundError as error:
        if error.name == "psycopg":
            raise missing_extra("sql", "PostgreSQL") from error
        raise ConfigError(
            f"{name_of(address)}: its driver is not installed: pip install {error.name}"
        ) from error
    if prepare:
        # before SQLAlchemy asks the server for its version
        event.listen(engine, "connect", lambda connection, _: prepare(connection), insert=True)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
