"""The objects of a mirror: releases and encoders by id, and CURRENT, which is moved conditionally.

CURRENT                    {"release_id": ...}
releases/ID.json           every file that answering from the release takes, with its checksum
releases/ID/NAME           the files of a release, which never change
encoders/ID/NAME           those of its encoder
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl

import msgspec
import obstore
from obstore import exceptions
from obstore.store import from_url

from simrec.bucket_url import BucketUrl
from simrec.errors import ConfigError, ReleaseError

CURRENT = "CURRENT"
RELEASES = "releases"
ENCODERS = "encoders"
RETRIES: Any = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}


class MirroredFile(msgspec.Struct, frozen=True):
    """A file of a mirror: its path there and in a workspace, its size in bytes, its checksum."""

    path: str
    bytes: int
    sha256: str


class MirroredRelease(msgspec.Struct, frozen=True):
    """All that a web server needs to answer from a release."""

    release_id: str
    encoder_id: str
    created_at: str
    files: list[MirroredFile]


class MirrorPointer(msgspec.Struct, frozen=True):
    """What stands in CURRENT."""

    release_id: str


class HeldPointer(NamedTuple):
    """What stands in CURRENT, and the version that a writer must have seen to move it."""

    release_id: str | None
    version: str | None


class MovedError(ConfigError):
    """Another writer has moved CURRENT since it was read."""


@dataclass(frozen=True)
class MirrorStore:
    """A mirror, opened; errors of its library become a ConfigError of one sentence."""

    url: BucketUrl
    store: Any

    @classmethod
    def open(cls, address: str) -> Self:
        """Open a mirror; what its address does not say of the bucket is in the environment."""
        url = BucketUrl.parse(address)
        options = dict(parse_qsl(url.options))
        endpoint = options.pop("endpoint_override", "")
        scheme = options.pop("scheme", "https")
        config: Any = dict(options)
        if endpoint:
            config["endpoint"] = endpoint if "://" in endpoint else f"{scheme}://{endpoint}"
        try:
            if url.scheme == "file":
                store = from_url(str(url), mkdir=True)
            else:
                store = from_url(
                    str(url),
                    config=config or None,
                    client_options={"allow_http": True},
                    retry_config=RETRIES,
                )
        except (exceptions.BaseError, ValueError, TypeError) as error:
            raise ConfigError(f"{url}: {_first_line(error)}") from error
        return cls(url, store)

    def pointer(self) -> HeldPointer:
        """Return what CURRENT names; None of an empty mirror."""
        with self._errors_in_words(CURRENT):
            try:
                answer = obstore.get(self.store, CURRENT)
                content = bytes(answer.bytes())
            except (exceptions.NotFoundError, FileNotFoundError):
                return HeldPointer(None, None)
        pointer = self._decoded(CURRENT, content, MirrorPointer)
        return HeldPointer(pointer.release_id, answer.meta["e_tag"])

    def move_pointer(self, before: HeldPointer, release_id: str) -> None:
        """Point CURRENT at a release; MovedError if it is not as it was read."""
        mode: Any = "create" if before.version is None else {"e_tag": before.version}
        content = msgspec.json.encode(MirrorPointer(release_id))
        with self._errors_in_words(CURRENT):
            try:
                obstore.put(self.store, CURRENT, content, mode=mode)
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as error:
                raise MovedError(
                    f"{self.url}: another writer has moved CURRENT meanwhile, and it stays there; "
                    "a mirror has one workspace, give each its own"
                ) from error

    def release(self, release_id: str) -> MirroredRelease | None:
        """Return the files of a release, None if the mirror does not hold it whole."""
        path = index_path(release_id)
        with self._errors_in_words(path):
            try:
                content = bytes(obstore.get(self.store, path).bytes())
            except (exceptions.NotFoundError, FileNotFoundError):
                return None
        found: MirroredRelease = self._decoded(path, content, MirroredRelease)
        return found

    def write_release(self, release: MirroredRelease) -> None:
        """Say that a release is there, whole."""
        path = index_path(release.release_id)
        with self._errors_in_words(path):
            obstore.put(self.store, path, msgspec.json.encode(release))

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return the size of every object below a prefix, by path."""
        sizes = {}
        with self._errors_in_words(prefix):
            for batch in obstore.list(self.store, prefix):
                for each in batch:
                    sizes[each["path"]] = each["size"]
        return sizes

    def upload(self, source: Path, path: str) -> None:
        """Write a file, which is there whole or not at all."""
        with self._errors_in_words(path):
            obstore.put(self.store, path, source)

    def download(self, path: str, target: Path) -> None:
        """Read an object into a file; FileNotFoundError if it is gone."""
        with self._errors_in_words(path), target.open("wb") as file:
            try:
                for chunk in obstore.get(self.store, path).stream():
                    file.write(chunk)
            except exceptions.NotFoundError as error:
                raise FileNotFoundError(2, "gone", str(self.url)) from error

    def remove(self, paths: list[str]) -> None:
        """Remove objects, those that are gone among them."""
        with self._errors_in_words(", ".join(paths[:1])):
            for path in paths:
                try:
                    obstore.delete(self.store, path)
                except (exceptions.NotFoundError, FileNotFoundError):
                    continue

    def _decoded(self, path: str, content: bytes, kind: Any) -> Any:
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.DecodeError as error:
            raise ReleaseError(
                f"{self.url}/{path}: damaged ({error}); remove it, and the next export writes it "
                "again"
            ) from error

    @contextmanager
    def _errors_in_words(self, path: str) -> Iterator[None]:
        try:
            yield
        except exceptions.BaseError as error:
            raise ConfigError(f"{self.url}/{path}: {_first_line(error)}") from error


def index_path(release_id: str) -> str:
    """Name the object that lists the files of a release."""
    return f"{RELEASES}/{release_id}.json"


def _first_line(error: Exception) -> str:
    """Return what a library says in one line, without what it prints for its own people."""
    return str(error).partition("\n")[0].partition("<?xml")[0].strip(" :")
