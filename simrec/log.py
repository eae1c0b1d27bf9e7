"""Logging for entry points, progress on a terminal, and the time of day."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any


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


def set_up(verbose: bool, as_json: bool = False) -> None:
    """Log to stderr: what happens on a terminal or when asked to, only warnings under cron."""
    level = logging.INFO if verbose or sys.stderr.isatty() else logging.WARNING
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr, force=True)
    logging.getLogger("simrec").setLevel(level)
    if as_json:
        logging.getLogger().handlers[0].setFormatter(JsonLines())


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
