"""What goes wrong becomes one sentence on stderr and the exit code of its kind."""

import errno
import logging
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from simrec import log
from simrec.errors import ConfigError, ReleaseError, SimrecError

logger = logging.getLogger(__name__)

INTERRUPTED = 130
DISK_ERRORS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EFBIG,
    errno.EIO,
)
SQLITE_DISK_ERRORS = ("full", "readonly", "unable to open", "disk i/o")


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn an exception from inside into a sentence on stderr and an exit code."""
    try:
        yield
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        with log.in_red():
            error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        end_quietly()
    except BaseException as error:
        known = as_simrec_error(error)
        if known:
            logger.error("simrec: %s", known)
            sys.exit(known.exit_code)
        if is_interrupt(error):
            logger.error("simrec: interrupted; the same command goes on where it was")
            sys.exit(INTERRUPTED)
        raise  # a bug: Python's own traceback and exit code 1 say most


def end_quietly() -> NoReturn:
    """End without a word: `| head` has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def exit_code(error: BaseException) -> int:
    """Return the exit code that an exception ends the process with."""
    known = as_simrec_error(error)
    if known:
        return known.exit_code
    return INTERRUPTED if is_interrupt(error) else 1


def as_simrec_error(error: BaseException) -> SimrecError | None:
    """Return the error as one with a sentence, or None if it is a bug."""
    if isinstance(error, SimrecError):
        return error
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        name = error.filename or "the disk"
        return ConfigError(f"{name}: {error.strerror}; nothing published was changed")
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    return None


def is_interrupt(error: BaseException) -> bool:
    """Tell whether the user interrupted the run from the keyboard."""
    return isinstance(error, KeyboardInterrupt | click.Abort)


def _of_sqlite(error: sqlite3.Error) -> SimrecError | None:
    from simrec.articles.store_schema import is_damage

    if is_damage(error):
        return ReleaseError(f"SQLite: {error}; simrec verify says which file is damaged")
    message = str(error).lower()
    if any(word in message for word in SQLITE_DISK_ERRORS):
        return ConfigError(f"SQLite: {error}; nothing published was changed")
    return None
