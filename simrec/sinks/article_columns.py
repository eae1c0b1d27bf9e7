"""What a page shows of an article, by its row in a release: title, URL, date and the like."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow
from numpy.typing import NDArray

from simrec.recommend.tables.sqlite import has_images
from simrec.release_folder import ReleaseFolder

READ_ROWS = 65_536  # that are Python objects at once
LONGEST_TITLE = 80  # characters of the text that stand for a title
EXPRESSIONS = {
    "title": "shown_title(title, lead)",
    "date": "substr(published_at, 1, 10)",
    "image": "(SELECT image FROM images WHERE article = articles.row)",
}


@dataclass(frozen=True)
class ArticleColumns:
    """Columns of all articles of a release, in order of their rows; texts, or null."""

    values: dict[str, pyarrow.Array]

    @classmethod
    def read(cls, folder: ReleaseFolder, names: Sequence[str]) -> Self:
        """Read columns of a release.

        A title is the beginning of the text where an article has none; a date is a day.
        """
        parts: dict[str, list[pyarrow.Array]] = {name: [] for name in names}
        with closing(folder.open_tables()) as db:
            db.create_function("shown_title", 2, shown_title, deterministic=True)
            cursor = db.execute(f"SELECT {_selected(db, names)} FROM articles ORDER BY row")
            while rows := cursor.fetchmany(READ_ROWS):
                for name, values in zip(names, zip(*rows, strict=True), strict=True):
                    parts[name].append(pyarrow.array(values, pyarrow.large_string()))
        empty = pyarrow.array([], pyarrow.large_string())
        return cls({name: pyarrow.concat_arrays([empty, *parts[name]]) for name in names})

    def take(self, name: str, rows: NDArray[np.int64]) -> pyarrow.Array:
        """Return the values of a column for some rows."""
        return self.values[name].take(pyarrow.array(rows)).cast(pyarrow.string())

    def of_row(self, row: int) -> dict[str, Any]:
        """Return all columns of one article by name."""
        return {name: values[row].as_py() for name, values in self.values.items()}


def shown_title(title: str, lead: str) -> str:
    """Return the title of an article, or the beginning of its text, cut between words."""
    if title or len(lead) <= LONGEST_TITLE:
        return title or lead
    words = lead[: LONGEST_TITLE + 1].rpartition(" ")[0].rstrip()
    if len(words) < LONGEST_TITLE // 2:  # there are no spaces, as in Chinese
        words = lead[:LONGEST_TITLE].rstrip()
    return f"{words}…"


def _selected(db: sqlite3.Connection, names: Sequence[str]) -> str:
    expressions = dict(EXPRESSIONS)
    if not has_images(db):  # of a release that was made before there were any
        expressions["image"] = "NULL"
    return ", ".join(expressions.get(name, name) for name in names) or "row"
