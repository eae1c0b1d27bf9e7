"""Pipes and buckets are copied to files once in an ingest, which are read like any others."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from simrec import files
from simrec.articles.sources.file_source import escaped_path
from simrec.articles.sources.source import readable
from simrec.bucket_url import BucketUrl
from simrec.errors import UsageError

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

    def copy_of(self, pipe: Path) -> Path:
        """Return the file that holds what came through a pipe; its name ends as that of the pipe.

        Raises UsageError for a device, which may have no end.
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
                shutil.copyfileobj(source, target)
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
        return os.fdopen(os.dup(0), "rb")  # a socket cannot be opened by its path
    return pipe.open("rb")
