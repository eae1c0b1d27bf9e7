"""Pipes and buckets are copied to files once in an ingest, which are read like any others."""

import os
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from simrec import files
from simrec.articles.sources.file_source import escaped_path
from simrec.articles.sources.source import NOTHING_CHANGED, UnreadableSourceError, readable
from simrec.bucket_url import BucketUrl
from simrec.errors import UsageError

CHUNK = 1 << 20  # bytes
STDIN = ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
# What these paths name differs from process to process, so that tasks could not read it.
OF_ONE_PROCESS = ("/dev/", "/proc/")


class Spool:
    """A folder of copies of pipes and of objects; each is read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._copies: dict[Path, Path] = {}
        self._prefixes: dict[BucketUrl, Path] = {}

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator["Spool"]:
        """Yield a spool in a folder that is removed afterwards, also if a killed run left it."""
        files.remove_folder(folder)
        try:
            yield cls(folder)
        finally:
            files.remove_folder(folder)

    def copy_of(self, pipe: Path, seconds: float = 600.0) -> Path:
        """Return the file that holds what came through a pipe; its name ends as that of the pipe.

        Raises UsageError for a device, which may have no end, and UnreadableSourceError where
        nothing is written for so many seconds.
        """
        if pipe not in self._copies:
            check_no_device(pipe)
            self.folder.mkdir(exist_ok=True)
            copy = self.folder / f"{len(self._copies)}-{pipe.name}"
            with (
                files.atomic_path(copy) as temporary,
                readable(escaped_path(pipe)),
                _open(pipe) as source,
                temporary.open("wb") as target,
            ):
                _copy(source, target, escaped_path(pipe), seconds)
            self._copies[pipe] = copy
        return self._copies[pipe]

    def copy_of_prefix(self, url: BucketUrl) -> Path:
        """Return the folder that stands for a bucket, with what a key, prefix or pattern names."""
        if url not in self._prefixes:
            from simrec.articles.sources.bucket_copy import copy_prefix

            self.folder.mkdir(exist_ok=True)
            root = self.folder / "buckets" / url.scheme / (url.bucket or "here")
            copy_prefix(url, root)
            self._prefixes[url] = root
        return self._prefixes[url]


def is_read_once(path: Path) -> bool:
    """Tell whether a path is no file nor folder, or one that only this process can read."""
    if path.is_dir() or not path.exists():
        return False
    return not path.is_file() or str(path).startswith(OF_ONE_PROCESS)


def check_no_device(path: Path) -> None:
    """Raise UsageError for a terminal or another device."""
    mode = path.stat().st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode)):
        raise UsageError(f"{path}: a device or a terminal; give a file, a folder or a pipe")


def _open(pipe: Path) -> IO[bytes]:
    if str(pipe) in STDIN:
        return os.fdopen(os.dup(0), "rb", buffering=0)  # a socket cannot be opened by its path
    # Opening a named pipe would wait for whoever writes into it.
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    return os.fdopen(descriptor, "rb", buffering=0)


def _copy(source: IO[bytes], target: IO[bytes], name: str, seconds: float) -> None:
    """Copy all that comes through a pipe; UnreadableSourceError if for so long nothing does."""
    waiting = select.poll()
    waiting.register(source, select.POLLIN)
    while True:
        # Of a named pipe that nobody has opened for writing nothing is ready, not even its end.
        if not waiting.poll(1_000 * seconds):
            raise UnreadableSourceError(
                f"{name}: nothing was written into this pipe for limits.pipe_seconds = {seconds:g}"
                f"{NOTHING_CHANGED}"
            )
        content = os.read(source.fileno(), CHUNK)
        if not content:
            return
        target.write(content)
