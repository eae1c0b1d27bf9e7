"""URLs of databases as a configuration names them, for which no package is needed."""

import os
from pathlib import Path

from simrec.config import SQLITE
from simrec.errors import ConfigError


def from_environment(value: str) -> str:
    """Return a value, or where it is "$NAME" what that name has in the environment."""
    if not value.startswith("$"):
        return value
    try:
        return os.environ[value[1:].strip("{}")]
    except KeyError:
        raise ConfigError(
            f"{value}, which a url of the configuration names, is not set in the environment"
        ) from None


def sqlite_path(url: str) -> Path | None:
    """Return the file of a URL of SQLite; None for another database, or one with options."""
    address = from_environment(url)
    path = address.removeprefix(SQLITE)
    if path == address or not path or "?" in path:
        return None
    return Path(path)
