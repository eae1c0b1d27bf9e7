"""What an ingest remembers of its sources: how far each was read, and what all files hold."""

import hashlib
from pathlib import Path

from simrec import __version__
from simrec.articles import cleaning
from simrec.articles.ingested import Ingested
from simrec.articles.opened_sources import Fingerprints, OpenedSources
from simrec.articles.publication import is_after
from simrec.articles.rehearsal import Rehearsal
from simrec.articles.row_outcome import SyncState
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import UsageError

# Among the cursors: the checksum of all files, and when the first scheduled article is published.
ALL_FILES = "files"
DUE = "due"


def last_cursors(store: Store | Rehearsal, now: str) -> dict[str, str]:
    """Return the cursors of the last ingest; none once an article that was to come has come.

    All sources are then read from their beginning.
    """
    previous = store.cursors()
    due = previous.get(DUE, "")
    return {} if due and not is_after(due, now) else previous


def note_cursors(sync: SyncState, result: Ingested, checksum: str) -> None:
    """Note what stands for all sources: a checksum of files, and when all are to be read again.

    A source that was not read to its end keeps its cursor.
    """
    if result.failed or result.damaged:
        for source, cursor in sync.previous.items():
            if source not in (ALL_FILES, DUE):
                sync.current.setdefault(source, cursor)
    elif checksum:
        sync.current[ALL_FILES] = checksum
    due = min(filter(None, [sync.previous.get(DUE), result.due]), default="")
    if due:
        sync.current[DUE] = due


def checksum_of(config: Config, opened: OpenedSources, fingerprints: Fingerprints) -> str:
    """Return a hash of all that this configuration can bring in; "" where nothing tells that.

    If a file came after the fingerprints were taken, the next ingest gets another checksum.
    """
    if opened.failures or not opened.sources or None in fingerprints.values():
        return ""
    rules = [__version__, cleaning.VERSION, config.sources, config.fields, config.ingest]
    rules.append(config.limits)
    digest = hashlib.sha256(repr(rules).encode())
    for article_id in listed_ids(config.ingest.deletions):
        digest.update(f"\n{article_id}".encode())
    for source, _ in opened.sources:
        # A file name may be no UTF-8.
        line = f"\n{source.name}: {fingerprints.get(source.name)}"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def listed_ids(path: str) -> list[str]:
    """Return the lines of the file of deletions."""
    if not path:
        return []
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the ids to delete: {error}") from error
    return [line.rstrip("\r") for line in text.split("\n")]
