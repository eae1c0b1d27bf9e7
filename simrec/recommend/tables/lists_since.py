"""How the lists of a release differ from those of the release before, for people."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow
from pyarrow import compute, parquet

from simrec.release_folder import ReleaseFolder


@dataclass(frozen=True)
class ListChange:
    """An article, and the ids that came into its list and went out of it, in order of rank."""

    id: str
    added: list[str]
    removed: list[str]


@dataclass(frozen=True)
class ListChanges:
    """What changed since the release of the id `since`.

    lists is how many lists have other articles in them; most_changed are some of those that lost
    any, those first into which most came.
    """

    since: str
    lists: int
    most_changed: Sequence[ListChange]


def read_list_changes(folder: ReleaseFolder, n: int) -> ListChanges | None:
    """Return how lists changed, with n of them; None of a release without one before it."""
    path = folder.changes_of(folder.similar_articles)
    if not (folder.changes.exists() and path.exists()):
        return None
    since = json.loads(folder.changes.read_bytes())["since"]
    table = parquet.read_table(path, columns=["article", "similar", "change"])
    columns = [column.cast(pyarrow.string()) for column in table.columns]
    table = pyarrow.table(columns, names=table.column_names)
    table = table.filter(compute.not_equal(table["change"], "changed"))
    is_added = compute.equal(table["change"], "added").cast(pyarrow.int64())
    counted = table.append_column("added", is_added).group_by("article")
    counts = counted.aggregate([("added", "sum"), ("added", "count")])
    has_lost = compute.less(counts["added_sum"], counts["added_count"])
    order = [("added_sum", "descending"), ("article", "ascending")]
    ids = counts.filter(has_lost).sort_by(order)["article"].slice(0, n).to_pylist()
    return ListChanges(since, len(counts), _changed_lists(table, ids))


def _changed_lists(table: pyarrow.Table, ids: Sequence[str]) -> list[ListChange]:
    """Return the changes of some articles, out of a table in order of article and rank."""
    is_wanted = compute.is_in(table["article"], value_set=pyarrow.array(ids, pyarrow.string()))
    changes: dict[str, ListChange] = {article: ListChange(article, [], []) for article in ids}
    for row in table.filter(is_wanted).to_pylist():
        changed = changes[row["article"]]
        side = changed.added if row["change"] == "added" else changed.removed
        side.append(row["similar"])
    return list(changes.values())
