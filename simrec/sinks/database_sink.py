"""Sinks that are databases: only rows that differ are written, in one transaction."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pyarrow

from simrec.database_url import sqlite_path
from simrec.errors import ConfigError, missing_extra
from simrec.manifest import Manifest
from simrec.recommend.tables.diff import DisorderedError, diff_tables
from simrec.recommend.tables.schema import SCORE_DECIMALS, Column
from simrec.sinks.sink_table import SinkTable
from simrec.sinks.sqlite_file import SqliteFile
from simrec.sinks.target_table import RECORD, AlteredError, OpenDatabase, TargetTable

logger = logging.getLogger(__name__)

# Opens a table of an earlier release as this one is, by release id; None if it is gone.
OpenEarlier = Callable[[str, SinkTable], SinkTable | None]

NOT_OURS = "nothing was changed. Empty or rename it, or name another database"


@dataclass
class RowCounts:
    """How many rows of a database were changed."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __str__(self) -> str:
        return f"{self.added:,} rows added, {self.changed:,} changed, {self.removed:,} removed"


def write(
    url: str,
    tables: Sequence[SinkTable],
    manifest: Manifest,
    now: str,
    open_earlier: OpenEarlier,
) -> RowCounts | None:
    """Make a database hold the tables of a release; return what changed, None if it held them.

    Only rows that differ from the release in the database are written; if that release is gone, or
    the database does not hold its rows, all rows are. A reader sees the old release or the new one.
    """
    try:
        return _write(url, tables, manifest, now, open_earlier)
    except AlteredError as altered:
        logger.warning("export: %s was changed by others; all its rows are written anew", altered)
    try:
        return _write(url, tables, manifest, now, None)
    except AlteredError as refused:
        raise ConfigError(f"{refused}: refuses rows ({refused.reason}); {NOT_OURS}") from refused


def _write(
    url: str,
    tables: Sequence[SinkTable],
    manifest: Manifest,
    now: str,
    open_earlier: OpenEarlier | None,
) -> RowCounts | None:
    with _open(url) as opened:
        opened.create(RECORD)
        writer = DatabaseWriter(opened, manifest, open_earlier)
        try:
            written = [table for table in tables if writer.bring(table, now)]
        except (AlteredError, DisorderedError) as altered:
            raise AlteredError(opened.name, altered.__cause__) from altered
    return writer.counts if written else None


def _open(url: str) -> AbstractContextManager[OpenDatabase]:
    """Open a database; a file of SQLite needs no package that is not there."""
    path = sqlite_path(url)
    if path is not None:
        return SqliteFile.open(path)
    try:
        from simrec.sinks.server_database import ServerDatabase
    except ModuleNotFoundError as error:
        raise missing_extra("sql", "writing to a database") from error
    return ServerDatabase.open(url)


class DatabaseWriter:
    """An open database that is brought to a release, table by table.

    Without `open_earlier` nothing is believed of what the database holds: all rows are written.
    """

    def __init__(
        self, opened: OpenDatabase, manifest: Manifest, open_earlier: OpenEarlier | None
    ) -> None:
        self._database = opened
        self._manifest = manifest
        self._open_earlier = open_earlier
        self.counts = RowCounts()

    def bring(self, table: SinkTable, now: str) -> bool:
        """Make the database hold a table of the release; return False if it does already.

        Raises AlteredError if it does not hold as many rows as were written last.
        """
        target = self._target(table)
        written_as = _form(target, table)
        record = self._database.find(RECORD, [table.name])
        rows = self._database.count(target)
        if rows and not record:
            raise ConfigError(
                f"{self._database.name}: its table {table.name} holds rows that simrec did not "
                f"write; {NOT_OURS}"
            )
        before = None
        if record and self._open_earlier:
            _, release_id, _, _, form, row_count = record
            if rows != row_count:
                raise AlteredError
            if form == written_as:
                if release_id == self._manifest.release_id:
                    return False
                if table.key:
                    before = self._open_earlier(release_id, table)
        if before is None:
            self._write_all(target, table)
        else:
            self._write_changes(target, before, table)
        self._remember(table, written_as, now)
        return True

    def _remember(self, table: SinkTable, written_as: str, now: str) -> None:
        release = (self._manifest.release_id, self._manifest.created_at)
        values = (table.name, *release, now, written_as, table.rows)
        columns = [pyarrow.array([value]) for value in values]
        row = pyarrow.table(columns, names=RECORD.column_names)
        self._database.delete(RECORD, row.select(RECORD.key))
        self._database.insert(RECORD, row)

    def _target(self, table: SinkTable) -> TargetTable:
        """Return the table to write, which is made if it is missing.

        A table that is there may lack columns: those it has are written. Its key must be there.
        """
        key = table.key or tuple(table.column_names[:1])
        existing = self._database.column_names(table.name)
        if existing is not None and not existing.issuperset(key):
            raise ConfigError(
                f"{self._database.name}: its table {table.name} has no columns {', '.join(key)}; "
                f"{NOT_OURS}"
            )
        columns: list[Column] = []
        for column in table.columns:
            if existing is None or column.name in existing:
                columns.append(column)
        target = TargetTable(table.name, tuple(columns), table.key)
        self._database.create(target)
        return target

    def _write_all(self, target: TargetTable, table: SinkTable) -> None:
        self.counts.removed += self._database.clear(target)
        for rows in table.batches(target.column_names, SCORE_DECIMALS):
            if len(rows):
                self._database.insert(target, rows)
                self.counts.added += len(rows)

    def _write_changes(self, target: TargetTable, before: SinkTable, after: SinkTable) -> None:
        """Write the rows that differ; AlteredError if the rows to be changed are not there."""
        key = list(after.key)
        old = before.batches(target.column_names, SCORE_DECIMALS)
        new = after.batches(target.column_names, SCORE_DECIMALS)
        for changes in diff_tables(old, new, key):
            removed = changes.removed.select(key)
            if len(removed) and self._database.delete(target, removed) != len(removed):
                raise AlteredError
            changed = changes.changed
            if len(changed) and self._database.update(target, changed) != len(changed):
                raise AlteredError
            if len(changes.added):
                self._database.insert(target, changes.added)
            self.counts.added += len(changes.added)
            self.counts.changed += len(changed)
            self.counts.removed += len(removed)


def _form(target: TargetTable, table: SinkTable) -> str:
    """Return what says in which columns, and how many places of a list, a table is written."""
    form = ",".join(target.column_names)
    return f"{form}; {table.places} places" if table.places else form
