"""A table as a sink takes it: the first places of the lists, with columns that a page needs."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow
from pyarrow import compute

from simrec.recommend.tables.parquet import ParquetTable
from simrec.recommend.tables.schema import RANKED, SIMILAR_ARTICLES, Column
from simrec.release_folder import ReleaseFolder
from simrec.sinks.article_columns import ArticleColumns

SIMILAR_ROWS = "SELECT similar FROM similar_articles ORDER BY article, rank"


@dataclass(frozen=True)
class SinkTable:
    """A Parquet table of a release with columns of the article that each row recommends.

    Only `similar_articles` gets columns. `places` is how many of each list are in it, 0 for all.
    """

    parquet: ParquetTable
    folder: ReleaseFolder
    added: tuple[str, ...] = ()
    places: int = 0

    @classmethod
    def open(
        cls, folder: ReleaseFolder, name: str, columns: Sequence[str] = (), places: int = 0
    ) -> Self:
        """Open a table by its name; ConfigError names the tables that are there."""
        parquet = ParquetTable.open(folder, name)
        added = tuple(columns) if parquet.schema is SIMILAR_ARTICLES else ()
        return cls(parquet, folder, added, places if parquet.schema in RANKED else 0)

    @property
    def name(self) -> str:
        return self.parquet.name

    @property
    def key(self) -> tuple[str, ...]:
        return self.parquet.key

    @property
    def is_ranked(self) -> bool:
        """Whether the table is made of lists."""
        return self.parquet.schema in RANKED

    @property
    def is_as_stored(self) -> bool:
        """Whether the rows are those of the Parquet file, no more and no less."""
        return not (self.added or self.places)

    @cached_property
    def columns(self) -> list[Column]:
        """The columns in order; those that were added may be null."""
        added = [Column(name, "text", nullable=True) for name in self.added]
        return [*self.parquet.schema.parquet_columns, *added]

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    @cached_property
    def rows(self) -> int:
        """How many rows the table has."""
        if not self.places:
            return self.parquet.rows
        ranks = self.parquet.batches(["rank"])
        return sum(int(np.sum(batch["rank"].to_numpy() <= self.places)) for batch in ranks)

    @cached_property
    def articles(self) -> ArticleColumns:
        """The added columns of all articles of the release."""
        return ArticleColumns.read(self.folder, self.added)

    def ids(self) -> Iterator[str]:
        """Yield the ids of all articles or accounts, those without a list among them, in order."""
        subjects = f"{self.column_names[0]}s"
        with closing(self.folder.open_tables()) as db:
            for (name,) in db.execute(f"SELECT id FROM {subjects} ORDER BY row"):
                yield name

    def batches(
        self, columns: Sequence[str] | None = None, decimals: int | None = None
    ) -> Iterator[pyarrow.Table]:
        """Yield all rows in order, as `ParquetTable.batches` does."""
        names = list(columns or self.column_names)
        stored = [name for name in names if name not in self.added]
        if self.places:
            stored = list(dict.fromkeys([*stored, "rank"]))
        added = [name for name in names if name in self.added]
        for batch in self._with_added(self.parquet.batches(stored, decimals), added):
            if self.places:
                batch = batch.filter(compute.less_equal(batch["rank"], self.places))
            yield batch.select(names)

    def _with_added(
        self, batches: Iterator[pyarrow.Table], names: Sequence[str]
    ) -> Iterator[pyarrow.Table]:
        """Yield batches with columns of the recommended articles.

        The SQLite table holds the same rows in the same order, with row numbers in place of ids.
        """
        if not names:
            yield from batches
            return
        with closing(self.folder.open_tables(any_thread=True)) as db:  # Delta reads in its own
            similar = db.execute(SIMILAR_ROWS)
            for batch in batches:
                rows = np.array(similar.fetchmany(len(batch)), np.int64).reshape(-1)
                for name in names:
                    batch = batch.append_column(name, self.articles.take(name, rows))
                yield batch
