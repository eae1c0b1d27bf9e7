"""Databases of other people: how they are named, opened, and what is said when they refuse."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, NullPool, create_engine, make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from simrec.errors import ConfigError, missing_extra

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
}
PATIENCE = 30  # seconds for a server to answer, or for SQLite's lock


@contextmanager
def transaction(url: str, create: bool = False) -> Iterator[Connection]:
    """Open a database and make everything inside happen or, on an exception, nothing of it.

    `create` lets SQLite make its file. Whatever the database refuses is a ConfigError with its own
    first sentence; no password is ever in it.
    """
    address = resolve(url)
    if is_sqlite(address) and not create and not Path(address.database or "").is_file():
        raise ConfigError(f"{name_of(address)}: no such file")
    try:
        with _connect(address) as connection:
            yield connection
    except SQLAlchemyError as error:
        said = (
            str(error.orig if isinstance(error, DBAPIError) else error).strip().partition("\n")[0]
        )
        if address.password:
            said = said.replace(str(address.password), "***")
        raise ConfigError(f"{name_of(address)}: {said}; nothing was changed") from error


def resolve(url: str) -> URL:
    """Return a URL with what it takes from the environment: "$NAME" as the whole of it, or as its password."""
    whole = _variable(url)
    try:
        address = make_url(whole)
    except (SQLAlchemyError, ValueError):
        shown = (
            url if url.startswith("$") else f"{url.partition(':')[0]}:..."
        )  # what follows may be a password
        raise ConfigError(
            f"{shown} is no URL of a database, such as postgresql://user@host/database"
        ) from None
    if address.password:
        address = address.set(password=_variable(str(address.password)))
    return address.set(drivername=DRIVERS.get(address.drivername, address.drivername))


def name_of(address: URL) -> str:
    """Return a database's name for people: what it is and where, without user and password."""
    port = f":{address.port}" if address.port else ""
    return f"{address.drivername.partition('+')[0]}://{address.host or ''}{port}/{address.database or ''}"


def is_sqlite(address: URL) -> bool:
    """Tell whether a database is a file of SQLite."""
    return address.drivername.startswith("sqlite")


@contextmanager
def _connect(address: URL) -> Iterator[Connection]:
    options = {"timeout" if is_sqlite(address) else "connect_timeout": PATIENCE}
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
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _variable(value: str) -> str:
    if not value.startswith("$"):
        return value
    try:
        return os.environ[value[1:].strip("{}")]
    except KeyError:
        raise ConfigError(
            f"{value}, which a url of the configuration names, is not set in the environment"
        ) from None
