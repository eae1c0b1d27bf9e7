"""Logging set-up for entry points, progress on a terminal, and the run journal."""

import json
import logging
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from simrec import files
from simrec.errors import ReleaseError


class JsonLines(logging.Formatter):
    """Each record as one line of JSON, for a collector of logs."""

    def format(self, record: logging.LogRecord) -> str:
        known = {
            "time": now(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
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
    """Return the time in UTC as ISO 8601, or some seconds later; in microseconds, what is made in order sorts by it."""
    return (
        (datetime.now(UTC) + timedelta(seconds=later))
        .isoformat(timespec=precision)
        .replace("+00:00", "Z")
    )


class Stopwatch:
    """Wall seconds, CPU seconds (children included) and peak memory since it was made."""

    def __init__(self) -> None:
        self._wall = time.monotonic()
        self._cpu = _cpu_seconds()

    def elapsed(self) -> dict[str, float]:
        own, children = (resource.getrusage(who) for who in _BOTH)
        return {
            "seconds": round(time.monotonic() - self._wall, 3),
            "cpu_seconds": round(_cpu_seconds() - self._cpu, 3),
            "peak_mib": max(own.ru_maxrss, children.ru_maxrss) // 1024,  # Linux counts KiB
        }


_BOTH = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _cpu_seconds() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, _BOTH))


def append_journal(path: Path, run: dict[str, Any]) -> None:
    """Add one job run to the journal, as one line of sealed JSON."""
    files.append_line(path, json.dumps(files.seal(run), ensure_ascii=False))


def verify_journal(path: Path) -> None:
    """Raise ReleaseError that names the first damaged line; one that a crash cut off is no damage."""
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else (), start=1):
        try:
            files.unseal(line)
        except ValueError as error:
            if line.endswith(b"}") or b'"seal": ' in line:
                raise ReleaseError(f"{path}, line {number}: {error}; remove the line") from error


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the runs in order; a line that is damaged or was cut off by a crash is passed over."""
    runs = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            runs.append(files.unseal(line))
        except ValueError:
            continue
    return runs
