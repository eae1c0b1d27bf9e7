"""A bucket: objects that are listed, read and written whole."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from pyarrow import fs

from simrec.bucket_url import BucketUrl
from simrec.errors import ConfigError

# What libraries add to the reason, for their own people.
NOISE = re.compile(
    r"When \w[^:]*: |; Details: .*|\. Detail: .*|\[errno \d+\] ?| \(Request ID: \w+\)",
    re.IGNORECASE,
)


class BucketObject(NamedTuple):
    """An object of a bucket: its key and its size in bytes."""

    key: str
    size: int


class Bucket:
    """One bucket, opened; errors of its library become a ConfigError of one sentence."""

    def __init__(self, url: BucketUrl) -> None:
        self.url = url
        with self._errors_in_words(url.key):
            self._files, self._base = fs.FileSystem.from_uri(url.root)
        self._base = self._base.rstrip("/")

    def objects(self, prefix: str) -> list[BucketObject]:
        """Return the object of a key and all below it as a prefix, in order of their keys."""
        found = []
        with self._errors_in_words(prefix):
            infos = [self._files.get_file_info(self._path(prefix))] if prefix else []
            if not infos or infos[0].type != fs.FileType.File:
                selector = fs.FileSelector(self._path(prefix), recursive=True, allow_not_found=True)
                infos = self._files.get_file_info(selector)
            for info in infos:
                if info.type == fs.FileType.File:
                    key = info.path.removeprefix(f"{self._base}/")
                    found.append(BucketObject(key, info.size))
        return sorted(found)

    def size(self, key: str) -> int | None:
        """Return how many bytes an object has, None if there is none."""
        with self._errors_in_words(key):
            info = self._files.get_file_info(self._path(key))
        return int(info.size) if info.type == fs.FileType.File else None

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes, None if there is none."""
        with self._errors_in_words(key):
            try:
                with self._files.open_input_stream(self._path(key)) as stream:
                    content: bytes = stream.read()
            except FileNotFoundError:
                return None
        return content

    def download(self, key: str, path: Path) -> None:
        """Write an object into a file."""
        with (
            self._errors_in_words(key),
            self._files.open_input_stream(self._path(key)) as source,
            path.open("wb") as target,
        ):
            shutil.copyfileobj(source, target, 1 << 20)

    def upload(self, path: Path, key: str) -> None:
        """Make a file an object, which is there whole or not at all."""
        with path.open("rb") as source, self._writing(key) as target:
            shutil.copyfileobj(source, target, 1 << 20)

    def write(self, key: str, content: bytes) -> None:
        """Replace an object by the content, all or nothing."""
        with self._writing(key) as target:
            target.write(content)

    def remove(self, key: str) -> None:
        """Remove an object, if it is there."""
        with self._errors_in_words(key):
            try:
                self._files.delete_file(self._path(key))
            except FileNotFoundError:
                return

    @contextmanager
    def _writing(self, key: str) -> Iterator[Any]:
        path = self._path(key)
        with self._errors_in_words(key):
            if self.url.scheme == "file":
                self._files.create_dir(path.rpartition("/")[0])
            try:
                with self._files.open_output_stream(path) as stream:
                    yield stream
            except BaseException:
                with suppress(OSError):  # closing has made an object of what there was of it
                    self._files.delete_file(path)
                raise

    def _path(self, key: str) -> str:
        return f"{self._base}/{key}" if key else self._base

    @contextmanager
    def _errors_in_words(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno and error.filename:
                raise  # of a file here
            reason = NOISE.sub("", str(error)).strip(" :")
            raise ConfigError(f"{self.url.of(key)}: {reason}") from error
        except ValueError as error:  # of pyarrow: an option that is none
            raise ConfigError(f"{self.url}: {error}") from error
