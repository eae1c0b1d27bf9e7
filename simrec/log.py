"""Logging for entry points, progress on a terminal, and the time of day."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))


class TextLines(logging.Formatter):
    """Each record as text that cannot move the cursor; its own line breaks stay."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(escape_control, super().format(record).split("\n")))


class JsonLines(logging.Formatter):
    """Each record as one line of JSON, for a collector of logs, with its `fields` if it has any."""

    def format(self, record: logging.LogRecord) -> str:
        known = {
            "time": now(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            known["exception"] = self.formatException(record.exc_info)
        return json.dumps(known, ensure_ascii=False)


RED = "\x1b[31m"
YELLOW = "\x1b[33m"
RESET = "\x1b[0m"


class Coloured(TextLines):
    """Failures in red and warnings in yellow, for a terminal."""

    COLOURS = {logging.ERROR: RED, logging.WARNING: YELLOW}

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        colour = self.COLOURS.get(record.levelno)
        return f"{colour}{text}{RESET}" if colour else text


def has_colour(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal that shows colour, and nobody has set NO_COLOR."""
    if stream is None or not stream.isatty():
        return False
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def in_red() -> Iterator[None]:
    """Write what goes to stderr in red, where it has colour."""
    coloured = has_colour(sys.stderr)
    if coloured:
        sys.stderr.write(RED)
    yield
    if coloured:
        sys.stderr.write(RESET)


def set_up(verbose: bool, as_json: bool = False) -> None:
    """Log to stderr: what happens on a terminal or when asked to, only warnings under cron."""
    level = logging.INFO if verbose or sys.stderr.isatty() else logging.WARNING
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr, force=True)
    logging.getLogger("simrec").setLevel(level)
    (handler,) = logging.getLogger().handlers
    handler.setFormatter(TextLines())
    if as_json:
        handler.setFormatter(JsonLines())
    elif has_colour(sys.stderr):
        handler.setFormatter(Coloured("%(message)s"))


def escape_control(value: Any) -> str:
    """Return text that cannot move the cursor: control and direction characters are escaped."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    shown = text.translate(INVISIBLE)
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown
    )


@contextmanager
def progress(label: str, total: int | None, unit: str = "articles") -> Iterator[Any]:
    """Yield a progress bar on stderr with `update(n)`; it is silent where there is no terminal."""
    from tqdm import tqdm

    with tqdm(
        desc=label,
        total=total,
        unit=f" {unit}",
        file=sys.stderr,
        disable=None,
        dynamic_ncols=True,
        leave=False,
    ) as bar:
        yield bar


@contextmanager
def silence_native_stderr() -> Iterator[None]:
    """Keep compiled libraries from writing to stderr; Python errors still reach it.

    TensorFlow 2.21 logs through absl before its log level can be set.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def now(precision: str = "microseconds", later: float = 0) -> str:
    """Return the time in UTC as ISO 8601, or some seconds later.

    In microseconds, artifacts that are made one after the other sort by it.
    """
    time = datetime.now(UTC) + timedelta(seconds=later)
    return time.isoformat(timespec=precision).replace("+00:00", "Z")
