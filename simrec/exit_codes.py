"""What goes wrong becomes one sentence on stderr and the exit code of its kind."""

import errno
import io
import logging
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from simrec import log
from simrec.errors import ConfigError, ReleaseError, SimrecError, UnknownIdError, UsageError

logger = logging.getLogger(__name__)

INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What to do about errors of the machine; of any other there is its sentence alone.
HINTS = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or raise the quota",
    errno.EROFS: "mount it for writing, or name another place",
    errno.EACCES: "give this user the right to it",
    errno.EPERM: "give this user the right to it",
    errno.EIO: "look at the disk (dmesg)",
    errno.ESTALE: "mount the network disk again",
    errno.ENOLCK: "this disk keeps no locks; use a local one",
    errno.EXDEV: "put the workspace on one disk, without links to others in it",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "allow more open files (sysctl fs.file-max)",
    errno.ENOMEM: "there is not enough memory; lower index.memory_mib or engine.workers",
    errno.ENOTCONN: "mount the network disk again",
    errno.EHOSTDOWN: "mount the network disk again",
    errno.ENAMETOOLONG: "use a shorter path",
    errno.ELOOP: "a link leads back to itself; remove it",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOTDIR: "part of it is a file; name another path",
}
NO_MEMORY = "there is not enough memory; lower index.memory_mib or engine.workers"
NO_UTF8 = "an argument is not UTF-8, as ids and texts are; write it in UTF-8"
SQLITE_DISK_ERRORS = ("full", "readonly", "unable to open", "disk i/o")


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn an exception from inside into a sentence on stderr and an exit code.

    SIGTERM and SIGHUP are answered as Ctrl-C is, once: what is being ended is not ended again.
    """
    if sys.stderr is None:  # closed by the caller, and libraries write to it
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    interrupt_once()
    if logging.lastResort:  # of commands that set no log up
        logging.lastResort.setFormatter(log.TextLines())
    try:
        yield
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        with log.in_red():
            show(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        end_quietly()
    except BaseException as error:
        known = as_simrec_error(error)
        if known:
            sentence = str(known)
            if isinstance(known, UnknownIdError):  # an id may look like a line of a log
                sentence = log.escape_control(sentence)
            logger.error("simrec: %s", sentence)
            sys.exit(known.exit_code)
        if is_interrupt(error):
            logger.error("simrec: interrupted; the same command goes on where it was")
            sys.exit(INTERRUPTED)
        raise  # a bug: Python's own traceback and exit code 1 say most


def show(error: click.ClickException) -> None:
    """Say what is wrong with a command line; what somebody typed cannot move the cursor."""
    shown = io.StringIO()
    error.show(file=shown)
    lines = shown.getvalue().rstrip("\n").split("\n")
    click.echo("\n".join(map(log.escape_control, lines)), err=True)


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
    if isinstance(error, OSError) and error.errno and not isinstance(error, BrokenPipeError):
        return _of_system(error)
    if isinstance(error, MemoryError):
        return ConfigError(f"{NO_MEMORY}; nothing published was changed")
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        return UsageError(NO_UTF8)
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    return None


def is_interrupt(error: BaseException) -> bool:
    """Tell whether the user interrupted the run from the keyboard."""
    return isinstance(error, KeyboardInterrupt | click.Abort)


def _of_system(error: OSError) -> SimrecError:
    name = os.fsdecode(error.filename) if error.filename else "the disk"
    code = errno.errorcode.get(error.errno or 0, str(error.errno))
    hint = HINTS.get(error.errno or 0)
    what = f"{error.strerror} ({code})"
    return ConfigError(
        f"{name}: {what}; nothing published was changed{f'; {hint}' if hint else ''}"
    )


def interrupt_once() -> None:
    """Make SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, once; in the main thread alone.

    A signal that the caller ignores stays ignored, as SIGHUP under nohup.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(number: int, _: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, _pass_over)
    raise KeyboardInterrupt(signal.Signals(number).name)


def _pass_over(_: int, __: FrameType | None) -> None:
    """Do nothing: Python reports a signal that comes in just before it is ignored."""


def _of_sqlite(error: sqlite3.Error) -> SimrecError | None:
    from simrec.articles.store_schema import is_damage

    if is_damage(error):
        return ReleaseError(f"SQLite: {error}; simrec verify says which file is damaged")
    message = str(error).lower()
    if any(word in message for word in SQLITE_DISK_ERRORS):
        return ConfigError(f"SQLite: {error}; nothing published was changed")
    return None
