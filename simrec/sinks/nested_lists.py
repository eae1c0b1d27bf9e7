"""The lists of a table, one for each article or account, as JSON."""

from collections.abc import Iterator
from typing import NamedTuple

from simrec.errors import ConfigError
from simrec.files import JsonObject
from simrec.recommend.tables.schema import SCORE_DECIMALS
from simrec.sinks.sink_table import SinkTable

# What a page needs of a row; the rest of it is for who loads tables.
SHOWN = ("score", "reason", "articles")


class NestedList(NamedTuple):
    """The list of one article or account, best first; nothing where it has none."""

    name: str  # the id
    values: JsonObject  # of the article itself
    similar: list[JsonObject]


def check_lists(table: SinkTable, form: str) -> None:
    """Raise ConfigError for a table that is not made of lists."""
    if not table.is_ranked:
        raise ConfigError(
            f"sinks: format {form} is of lists, and {table.name} has none; it writes "
            "similar_articles and similar_accounts"
        )


def nested_lists(table: SinkTable, whole: bool = False) -> Iterator[NestedList]:
    """Yield the list of every article or account of the release, in order of id.

    An entry holds the id, what a page shows and the columns that were added; if `whole`, all
    columns.
    """
    subject = table.column_names[0]
    groups = _groups(table, whole)
    group = next(groups, None)
    for row, name in enumerate(table.ids()):
        values = table.articles.of_row(row) if table.added else {}
        similar: list[JsonObject] = []
        if group and group[0] == name:
            similar = group[1]
            group = next(groups, None)
        yield NestedList(name, {subject: name, **values}, similar)


def _groups(table: SinkTable, whole: bool) -> Iterator[tuple[str, list[JsonObject]]]:
    """Yield the entries of each id that has any."""
    subject = table.column_names[0]
    left_out = {subject, "similar", "rank"}
    if not whole:
        left_out |= set(table.column_names) - {*SHOWN, *table.added}
    entries: list[JsonObject] = []
    name = ""
    for batch in table.batches(decimals=SCORE_DECIMALS):
        for record in batch.to_pylist():
            if entries and record[subject] != name:
                yield name, entries
                entries = []
            name = record[subject]
            shown = {key: value for key, value in record.items() if key not in left_out}
            entries.append({"id": record["similar"], **shown})
    if entries:
        yield name, entries
