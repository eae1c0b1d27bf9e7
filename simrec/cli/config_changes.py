"""What a command line changes of the configuration: its sources, its sinks."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from simrec.bucket_url import is_bucket
from simrec.config import SINK_COLUMNS, Config, Fields, SinkConfig, SourceConfig, override
from simrec.errors import UsageError
from simrec.last_config import without_passwords

DATABASE = re.compile(r"(sqlite|postgres|mysql|mariadb)[a-z0-9+]*:/")


def with_sources(
    config: Config,
    paths: Sequence[str],
    fields: Sequence[str],
    deletions: Path | None,
    **options: Any,
) -> Config:
    """Return the configuration with what a command line asks for.

    `fields` are "name=column", `options` are format, body, encoding and sync. Paths replace the
    configured sources, and then nothing configured is deleted either: to add one file must not
    delete what it does not hold.
    """
    config = msgspec.structs.replace(config, fields=_with_columns(config.fields, fields))
    if not (paths or deletions):
        return override(config, ingest={"sync": options["sync"] or config.ingest.sync})
    sources = []
    for path in paths:
        if DATABASE.match(path):
            raise UsageError(
                f"{without_passwords(path)}: a database is read by a query, which stands in a "
                "configuration: simrec init URL --query 'SELECT …' writes one"
            )
        if not is_bucket(path):
            path = str(Path(path).absolute())  # tasks may run in another working directory
        sources.append(_source(path, options))
    config = msgspec.structs.replace(config, sources=tuple(sources))
    return override(config, ingest={"sync": options["sync"], "deletions": str(deletions or "")})


def _source(path: str, options: dict[str, Any]) -> SourceConfig:
    try:
        return SourceConfig(
            path=path,
            format=options["format"],
            body=options["body"],
            encoding=options["encoding"],
        )
    except ValueError as problem:
        raise UsageError(str(problem)) from None


def _with_columns(fields: Fields, named: Sequence[str]) -> Fields:
    """Return the fields with some of them read from other columns, given as "name=column"."""
    columns = {}
    for text in named:
        name, _, column = text.partition("=")
        columns[name] = column
    unknown = columns.keys() - set(Fields.__struct_fields__)
    if unknown:
        raise UsageError(
            f"--field {', '.join(sorted(unknown))}: "
            f"the names are {', '.join(Fields.__struct_fields__)}"
        )
    return msgspec.structs.replace(fields, **columns)


def with_sink(config: Config, target: str, form: str, columns: str, places: int) -> Config:
    """Return the configuration with one sink, a folder or a database's URL, instead of its own."""
    is_database = target.startswith("$") or ("://" in target and not is_bucket(target))
    place = {"url": target} if is_database else {"path": target, "format": form}
    names = [name.strip() for name in columns.split(",") if name.strip()]
    unknown = set(names) - set(SINK_COLUMNS)
    if unknown:
        raise UsageError(
            f"--columns {', '.join(sorted(unknown))}: the columns are {', '.join(SINK_COLUMNS)}"
        )
    sink = msgspec.convert({**place, "columns": names, "places": places}, SinkConfig)
    return msgspec.structs.replace(config, sinks=(sink,))
