"""The difference of two tables, in batches of any size, against sets of their rows."""

from collections.abc import Iterator
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrec.recommend.tables.diff import DisorderedError, diff_tables

KEYS = st.tuples(st.text("abé漢", max_size=2), st.integers(0, 3))
SCORES = st.dictionaries(KEYS, st.sampled_from([0.5, 0.25, 0.2499]))
PAIRS = st.dictionaries(
    st.tuples(st.text("abé漢", max_size=2), st.text("xy", max_size=1)),
    st.tuples(st.integers(0, 3), st.sampled_from([0.5, 0.25, 0.2499])),
)
SCHEMA = pyarrow.schema(
    [("article", pyarrow.string()), ("rank", pyarrow.int32()), ("score", pyarrow.float64())]
)


def batches(rows: list[dict[str, Any]], schema: pyarrow.Schema, size: int) -> Iterator[Any]:
    """Yield rows as tables of a size; one without rows where there are none."""
    for start in range(0, len(rows) or 1, size):
        yield pyarrow.Table.from_pylist(rows[start : start + size], schema=schema)


def ranked(scores: dict[tuple[str, int], float]) -> list[dict[str, Any]]:
    keys = sorted(scores)
    return [{"article": key[0], "rank": key[1], "score": scores[key]} for key in keys]


@given(SCORES, SCORES, st.integers(1, 5), st.integers(1, 5))
def test_a_difference_is_that_of_the_two_tables(
    before: dict[tuple[str, int], float], after: dict[tuple[str, int], float], old: int, new: int
) -> None:
    steps = list(
        diff_tables(
            batches(ranked(before), SCHEMA, old),
            batches(ranked(after), SCHEMA, new),
            ["article", "rank"],
        )
    )
    added, removed, changed = (
        [row for step in steps for row in step[n].to_pylist()] for n in range(3)
    )
    both = before.keys() & after.keys()
    assert added == ranked({key: after[key] for key in after.keys() - before.keys()})
    assert changed == ranked({key: after[key] for key in both if before[key] != after[key]})
    assert removed == ranked({key: before[key] for key in before.keys() - after.keys()})


@given(PAIRS, PAIRS, st.integers(1, 5), st.integers(1, 5))
def test_a_pair_changes_with_its_rank_or_with_a_score_that_moved_far_enough(
    before: dict[Any, tuple[int, float]], after: dict[Any, tuple[int, float]], old: int, new: int
) -> None:
    schema = SCHEMA.append(pyarrow.field("similar", pyarrow.string()))

    def listed(pairs: dict[Any, tuple[int, float]]) -> list[dict[str, Any]]:
        rows = [
            {"article": article, "similar": similar, "rank": rank, "score": score}
            for (article, similar), (rank, score) in pairs.items()
        ]
        return sorted(rows, key=lambda row: (row["article"], row["rank"]))

    steps = list(
        diff_tables(
            batches(listed(before), schema, old),
            batches(listed(after), schema, new),
            ["article", "similar"],
            min_score_change=0.01,
        )
    )
    found = [
        {(row["article"], row["similar"]) for step in steps for row in step[n].to_pylist()}
        for n in range(3)
    ]
    moved = {
        pair
        for pair in before.keys() & after.keys()
        if before[pair][0] != after[pair][0] or abs(before[pair][1] - after[pair][1]) > 0.01
    }
    assert found == [after.keys() - before.keys(), before.keys() - after.keys(), moved]


@pytest.mark.parametrize("keys", [[("b", 1), ("a", 1)], [("a", 1), ("a", 1)]])
@pytest.mark.parametrize("size", [1, 2])
def test_tables_without_order_are_not_compared(keys: list[tuple[str, int]], size: int) -> None:
    rows = [{"article": article, "rank": rank, "score": 0.5} for article, rank in keys]
    with pytest.raises(DisorderedError):
        list(
            diff_tables(batches(rows, SCHEMA, size), batches([], SCHEMA, size), ["article", "rank"])
        )
