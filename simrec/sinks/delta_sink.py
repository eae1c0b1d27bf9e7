"""Sinks that are Delta Lake tables: one commit a release, so that readers see one or the other."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

import pyarrow
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from simrec.bucket_url import BucketUrl, is_bucket
from simrec.config import SinkConfig
from simrec.errors import ConfigError
from simrec.manifest import Manifest
from simrec.recommend.tables.schema import SCORE_DECIMALS
from simrec.sinks.sink_table import SinkTable

RELEASE = "simrec.release_id"
FORM = "simrec.form"
# What keeps a table in shape changes no row.
MAINTENANCE = ("OPTIMIZE", "VACUUM START", "VACUUM END", "CREATE TABLE", "SET TBLPROPERTIES")


def write(sink: SinkConfig, tables: Sequence[SinkTable], manifest: Manifest) -> bool:
    """Make each table hold a release by one commit; return False if all of them do already.

    The table similar_articles lies at `path`/similar_articles. A commit that fails leaves the
    release before. ConfigError for a table that another program has filled.
    """
    written = [_write(sink, table, manifest) for table in tables]
    return any(written)


def _write(sink: SinkConfig, table: SinkTable, manifest: Manifest) -> bool:
    address, options = _place(sink.path, table.name)
    record = {
        RELEASE: manifest.release_id,
        FORM: f"{','.join(table.column_names)}; {table.places} places; by {sink.partition_by}",
    }
    try:
        if DeltaTable.is_deltatable(address, options):
            held = _last_record(DeltaTable(address, storage_options=options), address)
            if held == record:
                return False
        batches = _batches(table)
        first = next(batches)
        partitions: list[str] | None = None
        if sink.partition_by in table.column_names:
            partitions = [sink.partition_by]
        write_deltalake(
            address,
            pyarrow.RecordBatchReader.from_batches(first.schema, _all(first, batches)),
            mode="overwrite",
            schema_mode="overwrite",
            partition_by=partitions,
            storage_options=options,
            commit_properties=CommitProperties(custom_metadata=record),
        )
    except (DeltaError, OSError) as error:
        reason = str(error).partition("\n")[0].partition(" Detail: ")[0]
        raise ConfigError(f"{address}: {reason}; the table is as it was") from error
    return True


def _place(path: str, table: str) -> tuple[str, dict[str, str] | None]:
    """Return the address of a table, and how its bucket is reached beside the environment."""
    if not is_bucket(path):
        return f"{path}/{table}", None
    url = BucketUrl.parse(path)
    options = dict(parse_qsl(url.options))
    endpoint = options.pop("endpoint_override", "")
    scheme = options.pop("scheme", "https")
    if endpoint:
        options["endpoint"] = endpoint if "://" in endpoint else f"{scheme}://{endpoint}"
    options["allow_http"] = "true"
    prefix = f"{url.key}/" if url.key else ""
    return url.of(f"{prefix}{table}"), options


def _last_record(table: DeltaTable, address: str) -> dict[str, Any]:
    """Return what the last commit says that changed rows; ConfigError if simrec made none."""
    history = table.history()
    if not any(RELEASE in commit for commit in history):
        raise ConfigError(
            f"{address}: a table that simrec did not write; nothing was changed. Move it, or name "
            "another path"
        )
    changes = (commit for commit in history if commit.get("operation") not in MAINTENANCE)
    last = next(changes, {})
    return {name: last.get(name) for name in (RELEASE, FORM)}


def _batches(table: SinkTable) -> Iterator[pyarrow.RecordBatch]:
    for rows in table.batches(decimals=SCORE_DECIMALS):
        rows = rows.combine_chunks()
        yield from rows.to_batches() or [pyarrow.RecordBatch.from_pylist([], schema=rows.schema)]


def _all(
    first: pyarrow.RecordBatch, others: Iterator[pyarrow.RecordBatch]
) -> Iterator[pyarrow.RecordBatch]:
    yield first
    yield from others
