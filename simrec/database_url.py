"""URLs of databases as a configuration names them, for which no package is needed."""

import os
import re
from pathlib import Path

from simrec.config import SQLITE
from simrec.errors import ConfigError

VARIABLE = re.compile(r"\$\{?(\w+)\}?")
PASSWORD_FILE = "#password_file="  # follows the URL that a configuration has one for


def from_environment(value: str, what: str = "") -> str:
    """Return a value, or where it is "$NAME" what that name has in the environment.

    `$$` begins a value with a dollar sign. Of a password messages say only `what` it is.
    """
    if not value.startswith("$"):
        return value
    if value.startswith("$$"):
        return value[1:]
    named = VARIABLE.fullmatch(value)
    if named and named[1] in os.environ:
        return os.environ[named[1]]
    if what or not named:  # a password may begin with a dollar sign
        raise ConfigError(
            f"{what or 'a url'} of the configuration begins with $, and what follows is not set in "
            "the environment; a password that begins with $ is written with $$"
        )
    raise ConfigError(
        f"{value}, which a url of the configuration names, is not set in the environment"
    )


def shown_url(url: str) -> str:
    """Return what messages may show of a URL: of its password not even a part."""
    name = VARIABLE.fullmatch(url)
    return url if name and url == url.upper() else f"{url.partition(':')[0]}:..."


def password_in(path: Path) -> str:
    """Return the first line of a file that holds a password."""
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: no password can be read from it ({error})") from None


def sqlite_path(url: str) -> Path | None:
    """Return the file of a URL of SQLite; None for another database, or one with options."""
    address = from_environment(url)
    path = address.removeprefix(SQLITE)
    if path == address or not path or "?" in path:
        return None
    return Path(path)
