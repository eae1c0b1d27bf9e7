"""Databases of users: how they are named and opened, and what their errors become."""

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
    "mariadb": "mariadb+pymysql",
}
TIMEOUT = 30  # seconds for a server to answer, or for SQLite's lock


@contextmanager
def transaction(url: str, create: bool = False) -> Iterator[Connection]:
    """Open a database in one transaction, which an exception undoes.

    `create` lets SQLite make its file. An error of the database becomes a ConfigError with the
    first line of its message, without any password.
    """
    address = resolve(url)
    if is_sqlite(address) and not create and not Path(address.database or "").is_file():
        raise ConfigError(f"{name_of(address)}: no such file")
    try:
        with _connect(address) as connection:
            yield connection
    except SQLAlchemyError as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        message = str(original).strip().partition("\n")[0]
        if address.password:
            message = message.replace(str(address.password), "***")
        raise ConfigError(f"{name_of(address)}: {message}; nothing was changed") from error


def resolve(url: str) -> URL:
    """Return a URL; "$NAME", as the whole or as its password, comes from the environment."""
    try:
        address = make_url(_variable(url))
    except (SQLAlchemyError, ValueError):
        # what follows the colon may be a password
        shown = url if url.startswith("$") else f"{url.partition(':')[0]}:..."
        raise ConfigError(
            f"{shown} is no URL of a database, such as postgresql://user@host/database"
        ) from None
    if address.password:
        address = address.set(password=_variable(str(address.password)))
    return address.set(drivername=DRIVERS.get(address.drivername, address.drivername))


def name_of(address: URL) -> str:
    """Return the kind and place of a database for messages, without user and password."""
    port = f":{address.port}" if address.port else ""
    kind = address.drivername.partition("+")[0]
    return f"{kind}://{address.host or ''}{port}/{address.database or ''}"


def is_sqlite(address: URL) -> bool:
    """Tell whether a database is a file of SQLite."""
    return address.drivername.startswith("sqlite")


@contextmanager
def _connect(address: URL) -> Iterator[Connection]:
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
