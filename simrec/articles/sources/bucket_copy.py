"""Copies objects of a bucket to files, so that they are read as files are."""

import logging
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import translate
from pathlib import Path, PurePosixPath

from simrec.articles.sources.source import MissingPathError, UnreadableSourceError
from simrec.bucket import Bucket, BucketObject
from simrec.bucket_url import BucketUrl
from simrec.errors import ConfigError

logger = logging.getLogger(__name__)

WILDCARDS = re.compile(r"[*\[]")
THREADS = 8  # a bucket answers many at once, and each after some milliseconds
LONGEST_PART = 200  # bytes between slashes; file systems take 255
SHOWN_KEYS = 3
NOTHING_CHANGED = "nothing was changed"


def copy_prefix(url: BucketUrl, root: Path) -> None:
    """Copy the objects of a key, a prefix or a pattern to files below `root`, named by their keys.

    Raises MissingPathError where there are none, UnreadableSourceError where one cannot be read:
    then nothing of the source is taken in.
    """
    try:
        bucket = Bucket(url)
        objects = _matching(bucket, url.key)
        if not objects:
            raise MissingPathError(f"{url}: no such bucket, object or prefix")
        objects = _with_usable_keys(url, objects)
        root.mkdir(parents=True, exist_ok=True)
        _check_room(url, objects, root)
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(lambda each: _copy(bucket, each.key, root), objects):
                pass
    except ConfigError as error:
        raise UnreadableSourceError(f"{error}; {NOTHING_CHANGED}") from error


def _matching(bucket: Bucket, pattern: str) -> list[BucketObject]:
    """Return the objects that a key, a prefix or a pattern names."""
    wildcard = WILDCARDS.search(pattern)
    if not wildcard or bucket.size(pattern) is not None:
        return bucket.objects(pattern)
    prefix, _, _ = pattern[: wildcard.start()].rpartition("/")
    if "**" in pattern:  # which looking for files then understands
        return bucket.objects(prefix)
    parts = [re.compile(translate(part)) for part in pattern.split("/")]
    return [each for each in bucket.objects(prefix) if _fits(parts, each.key.split("/"))]


def _fits(patterns: Sequence[re.Pattern[str]], parts: Sequence[str]) -> bool:
    """Tell whether each part of a key fits its pattern; what lies below a match fits as well."""
    pairs = zip(patterns, parts, strict=False)
    return len(parts) >= len(patterns) and all(pattern.match(part) for pattern, part in pairs)


def _with_usable_keys(url: BucketUrl, objects: Sequence[BucketObject]) -> list[BucketObject]:
    """Return the objects whose keys can be names of files, and name the others."""
    usable: list[BucketObject] = []
    others: list[BucketObject] = []
    folders = {str(parent) for each in objects for parent in PurePosixPath(each.key).parents}
    for each in objects:
        parts = each.key.split("/")
        is_usable = each.key not in folders and all(
            part not in ("", ".", "..") and len(part.encode()) <= LONGEST_PART and "\0" not in part
            for part in parts
        )
        (usable if is_usable else others).append(each)
    if others:
        keys = ", ".join(repr(each.key) for each in others[:SHOWN_KEYS])
        logger.warning(
            "ingest: %s: %d objects are not read, whose keys cannot be names of files (%s)",
            url,
            len(others),
            keys,
        )
    return usable


def _check_room(url: BucketUrl, objects: Sequence[BucketObject], root: Path) -> None:
    size = sum(each.size for each in objects)
    free = shutil.disk_usage(root).free
    if size > free:
        raise ConfigError(f"{url}: {size:,} bytes, and the disk of the workspace has {free:,} free")


def _copy(bucket: Bucket, key: str, root: Path) -> None:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    bucket.download(key, path)
