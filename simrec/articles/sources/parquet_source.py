"""Parquet: the rows of a table, without the values that Python cannot hold."""

from collections.abc import Iterator
from typing import Any

import pyarrow
from pyarrow import parquet

from simrec.articles.sources.file_source import FileSource
from simrec.articles.sources.source import (
    DamagedSourceError,
    Record,
    Row,
    Split,
    check_columns,
    warn_without_text,
)

BATCH_ROWS = 4_096


class ParquetSource(FileSource):
    """A Parquet file, which is read whole; its rows are numbered from 1 on."""

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        """Yield the rows; UnreadableSourceError if there is no column for the id."""
        number = 0
        try:
            with parquet.ParquetFile(self.path) as file:
                names = file.schema_arrow.names
                check_columns(f"{self.path}, line 1", names, self.fields.id)
                if self.fields.text not in names:
                    warn_without_text(self.name, names, self.fields)
                for batch in file.iter_batches(batch_size=BATCH_ROWS):
                    for record in _records(batch):
                        number += 1
                        yield Row(self.name, number, record)
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            # Where the name of a column is damaged, it is the last of them.
            raise DamagedSourceError(number + 1, f"not Parquet from here on ({error})") from error


def _records(batch: Any) -> list[Record]:
    try:
        records: list[Record] = batch.to_pylist()
    except (ValueError, OverflowError):
        # One value is enough for it, so that all values are read one by one.
        names = batch.schema.names
        columns = [[_value(scalar) for scalar in column] for column in batch.columns]
        records = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return records


def _value(scalar: Any) -> Any:
    """Return what Python can hold of a value.

    Bytes that are no UTF-8 become lone surrogates, as in a CSV file; a date out of range is text.
    """
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "surrogateescape")
    except (ValueError, OverflowError) as error:
        return str(error)
