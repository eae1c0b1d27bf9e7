"""Sinks in a bucket: the files of a folder as objects, of which the record comes last."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from simrec.bucket import Bucket
from simrec.bucket_url import BucketUrl
from simrec.config import SinkConfig
from simrec.errors import ConfigError
from simrec.files import TEMPORARY
from simrec.manifest import Manifest
from simrec.release_folder import PARQUET
from simrec.sinks import article_files_sink, folder_sink
from simrec.sinks.article_files_sink import SUFFIX, FileCounts
from simrec.sinks.file_names import file_name
from simrec.sinks.nested_lists import check_lists, nested_lists
from simrec.sinks.partitioned_parquet import is_partition
from simrec.sinks.sink_table import SinkTable

# The objects that simrec wrote, by name, with a hash; no object of an id begins so.
INDEX = "_files.json"
THREADS = 16  # a bucket answers many at once, and each after some milliseconds
UPLOADED = 1_000  # contents that are in memory at once
CHANGING = ""  # the hash of an object that a run is about to write

Index = dict[str, str]


def write_tables(
    sink: SinkConfig, tables: list[SinkTable], manifest: Manifest, staging: Path
) -> bool:
    """Write the tables of a release into a bucket; return False if it holds them already.

    The files are made below `staging` first, so that a full disk leaves the objects as they are.
    """
    url = BucketUrl.parse(sink.path)
    bucket = Bucket(url)
    prefix = f"{url.key}/" if url.key else ""
    record = folder_sink.record_of(sink, manifest)
    before = _recorded(bucket, prefix)
    if _holds(bucket, prefix, record):
        return False
    with TemporaryDirectory(prefix=".", suffix=TEMPORARY, dir=staging) as folder:
        local = msgspec.structs.replace(sink, path=folder)
        folder_sink.write(local, tables, manifest)
        names = _upload_folder(bucket, prefix, Path(folder))
    for name in before - names:
        # Of a value that no article has any more, or of a table that is parted now.
        if is_partition(name) or name in {f"{table.name}{PARQUET}" for table in tables}:
            bucket.remove(f"{prefix}{name}")
    return True


def _upload_folder(bucket: Bucket, prefix: str, folder: Path) -> set[str]:
    """Upload the files of a folder, the record last; return the names of the others."""
    names: set[str] = set()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != folder_sink.RECORD:
            bucket.upload(path, f"{prefix}{name}")
            names.add(name)
    bucket.upload(folder / folder_sink.RECORD, f"{prefix}{folder_sink.RECORD}")
    return names


def _recorded(bucket: Bucket, prefix: str) -> set[str]:
    """Return the names of the files that the record names, none where there is no record."""
    try:
        found = json.loads(bucket.read(f"{prefix}{folder_sink.RECORD}") or b"")
        return set(found["files"])
    except (ValueError, LookupError, TypeError):
        return set()


def _holds(bucket: Bucket, prefix: str, record: dict[str, object]) -> bool:
    """Tell whether a bucket holds the files of a release, by the record and their sizes."""
    try:
        found = json.loads(bucket.read(f"{prefix}{folder_sink.RECORD}") or b"")
        recorded = {name: facts["bytes"] for name, facts in found.pop("files").items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
    sizes = {name: bucket.size(f"{prefix}{name}") for name in recorded}
    return bool(found == record and recorded == sizes)


def write_articles(sink: SinkConfig, table: SinkTable, manifest: Manifest) -> FileCounts | None:
    """Write the objects that differ and remove those of articles that are gone; None if none are.

    An index of all objects tells which do; it is written before the first and after the last, so
    that a run that was killed is gone on with. ConfigError, before anything is changed, for an
    object in the way that simrec did not write.
    """
    check_lists(table, sink.format)
    folder = BucketFolder.open(BucketUrl.parse(sink.path))
    record = folder_sink.record_of(sink, manifest) | {"table": table.name}
    record_name = article_files_sink.RECORD
    due = {name: _hash(content) for name, content in _contents(table)}
    held = folder.checked_index(due)
    changed = {name for name, digest in due.items() if held.get(name) != digest}
    gone = sorted(held.keys() - due.keys())
    content = json.dumps(record).encode()
    if not (changed or gone) and folder.bucket.read(folder.key(record_name)) == content:
        return None
    folder.write_index({**held, **dict.fromkeys(changed, CHANGING)})
    folder.upload(each for each in _contents(table) if each[0] in changed)
    folder.remove(gone)
    folder.write_index(due)
    folder.bucket.write(folder.key(record_name), content)
    return FileCounts(len(changed), len(gone))


@dataclass(frozen=True)
class BucketFolder:
    """A prefix of a bucket that holds one object an article."""

    bucket: Bucket
    prefix: str

    @classmethod
    def open(cls, url: BucketUrl) -> "BucketFolder":
        return cls(Bucket(url), f"{url.key}/" if url.key else "")

    def key(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def checked_index(self, due: Index) -> Index:
        """Return the objects that simrec wrote and that are there, with their hashes.

        Raises ConfigError for another object that has the name of one that is due.
        """
        try:
            index = json.loads(self.bucket.read(self.key(INDEX)) or b"{}")
        except ValueError:
            index = {}
        found = {each.key for each in self.bucket.objects(self.prefix.rstrip("/"))}
        for name in due:
            if name not in index and self.key(name) in found:
                raise ConfigError(
                    f"{self.bucket.url.of(self.key(name))}: simrec did not write this object and "
                    "would replace it; nothing was changed. Move it, or name another prefix"
                )
        return {name: digest for name, digest in index.items() if self.key(name) in found}

    def upload(self, contents: Iterator[tuple[str, bytes]]) -> None:
        """Write objects by name, many at once."""
        with ThreadPoolExecutor(THREADS) as pool:
            while part := list(islice(contents, UPLOADED)):
                list(pool.map(self._write, part))

    def _write(self, named: tuple[str, bytes]) -> None:
        name, content = named
        self.bucket.write(self.key(name), content)

    def remove(self, names: Sequence[str]) -> None:
        """Remove objects by name, many at once."""
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda name: self.bucket.remove(self.key(name)), names))

    def write_index(self, index: Index) -> None:
        self.bucket.write(self.key(INDEX), json.dumps(index).encode())


def _contents(table: SinkTable) -> Iterator[tuple[str, bytes]]:
    for nested in nested_lists(table):
        yield file_name(nested.name, SUFFIX), article_files_sink.content_of(nested)


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
