"""Parquet: the rows of a table, without the values that Python cannot hold."""

from collections.abc import Iterator
from typing import Any

import pyarrow
from pyarrow import parquet

from simrec.articles.sources.bounded_lines import FREE_BYTES
from simrec.articles.sources.file_source import FileSource
from simrec.articles.sources.source import (
    DamagedSourceError,
    Record,
    Row,
    Split,
    check_columns,
    warn_without_text,
)

BATCH_ROWS = 64  # a dictionary of one value of a megabyte may stand for all of them
BOMB = "it holds more than limits.unpacked_ratio allows"


class ParquetSource(FileSource):
    """A Parquet file, which is read whole; its rows are numbered from 1 on."""

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        """Yield the rows; UnreadableSourceError if there is no column for the id."""
        number = 0
        try:
            with parquet.ParquetFile(self.path) as file:
                self._check_size(file.metadata)
                names = file.schema_arrow.names
                check_columns(f"{self.path}, line 1", names, self.fields.id)
                if self.fields.text not in names:
                    warn_without_text(self.name, names, self.fields)
                left = self._most_unpacked
                for batch in file.iter_batches(batch_size=BATCH_ROWS):
                    for record in _records(batch):
                        number += 1
                        left -= _characters(record)
                        if left < 0:
                            raise DamagedSourceError(number, BOMB)
                        yield Row(self.name, number, record)
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            # Where the name of a column is damaged, it is the last of them.
            raise DamagedSourceError(number + 1, f"not Parquet from here on ({error})") from error

    @property
    def _most_unpacked(self) -> float:
        """Return how many characters a file of this size may hold: not gigabytes in a few bytes."""
        return FREE_BYTES + self.limits.unpacked_ratio * self.path.stat().st_size

    def _check_size(self, metadata: Any) -> None:
        """Raise DamagedSourceError for pages that unpack to too much."""
        size = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
        if size > self._most_unpacked:
            raise DamagedSourceError(1, BOMB)


def _characters(record: Record) -> int:
    return sum(len(value) for value in record.values() if isinstance(value, str))


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
