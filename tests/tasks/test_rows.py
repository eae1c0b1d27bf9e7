"""Functions over rows as tasks: parts of any size hold what one call returns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simrec.errors import ReleaseError
from simrec.tasks.local import LocalEngine
from simrec.tasks.rows import Parts, RowsTask, map_rows, run_part, run_whole
from simrec.tasks.stages import Stages, in_turn, read_progress

VALUES = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
PART_ROWS = [1, 7, 50, 99, 100, 1_000]


def scaled(rows: slice, values: NDArray[np.float32], factor: float) -> Mapping[str, NDArray[Any]]:
    """The values of some rows times a factor, and as many pairs as the rows have odd numbers."""
    numbers = np.arange(rows.start, rows.stop)
    return {"scaled": values[rows] * factor, "odd": numbers[numbers % 2 == 1]}


def counted(rows: slice, folder: Path) -> Mapping[str, NDArray[Any]]:
    (folder / f"{rows.start}").open("x").close()
    return {"rows": np.arange(rows.start, rows.stop)}


def killed(rows: slice, folder: Path) -> Mapping[str, NDArray[Any]]:
    if rows.start >= 30:
        raise KeyboardInterrupt
    return counted(rows, folder)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stages(tmp_path: Path, max_part_rows: int = 0) -> Stages:
    return Stages(in_turn, tmp_path / "parts", "a test", max_part_rows)


@pytest.mark.parametrize("part_rows", PART_ROWS)
def test_parts_of_any_size_hold_what_one_call_returns(tmp_path: Path, part_rows: int) -> None:
    parts = map_rows(
        stages(tmp_path), "scale", scaled, len(VALUES), VALUES, 2.0, part_rows=part_rows
    )
    whole = scaled(slice(0, 100), VALUES, 2.0)
    assert np.array_equal(parts.read("scaled"), whole["scaled"])
    assert np.array_equal(parts.read("odd"), whole["odd"])
    assert len(list(parts)) == -(-100 // part_rows)
    for start, stop in [(0, 100), (0, 1), (6, 8), (49, 51), (99, 100), (13, 13), (100, 100)]:
        assert np.array_equal(parts.between("scaled", start, stop), whole["scaled"][start:stop])
    for rows in (np.arange(100), np.array([0, 6, 7, 49, 50, 99]), np.array([98]), np.arange(0)):
        assert np.array_equal(parts.take("scaled", rows), whole["scaled"][rows])


def test_a_stage_without_rows_has_one_empty_part(tmp_path: Path) -> None:
    parts = map_rows(stages(tmp_path), "scale", scaled, 0, VALUES, 2.0)
    assert parts.read("scaled").shape == (0, 3)
    assert parts.take("scaled", np.arange(0)).shape == (0, 3)
    assert parts.between("scaled", 0, 0).shape == (0, 3)


def test_a_limit_on_parts_cuts_them_smaller_and_leaves_whole_stages_whole(tmp_path: Path) -> None:
    limited = stages(tmp_path, max_part_rows=30)
    parts = map_rows(limited, "scale", scaled, 100, VALUES, 2.0)
    assert [(rows.start, rows.stop) for rows in parts] == [(0, 30), (30, 60), (60, 90), (90, 100)]
    assert len(list(run_whole(limited, "whole", scaled, 100, VALUES, 2.0))) == 1
    assert map_rows(limited, "small", scaled, 100, VALUES, 2.0, part_rows=7).part_rows == 7


def test_spawned_workers_see_the_size_of_parts_and_the_arrays_of_the_context(
    tmp_path: Path,
) -> None:
    with LocalEngine(2) as engine:
        there = Stages(engine.run, tmp_path / "parts", "a test", max_part_rows=40)
        parts = map_rows(there, "scale", scaled, 100, VALUES, 2.0)
    assert np.array_equal(parts.read("scaled"), VALUES * 2)


def test_a_killed_stage_goes_on_where_it_was(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    ran.mkdir()
    with pytest.raises(KeyboardInterrupt):
        map_rows(stages(tmp_path), "count", killed, 100, ran, part_rows=10)
    assert names(ran) == ["0", "10", "20"]
    assert read_progress(tmp_path / "parts") == {"count": (3, 10)}
    parts = map_rows(stages(tmp_path), "count", counted, 100, ran, part_rows=10)
    assert len(names(ran)) == 10, "each part was written once"
    assert np.array_equal(parts.read("rows"), np.arange(100))
    assert read_progress(tmp_path / "parts") == {"count": (10, 10)}


def test_parts_of_another_size_are_made_anew(tmp_path: Path) -> None:
    map_rows(stages(tmp_path, max_part_rows=10), "scale", scaled, 100, VALUES, 2.0)
    parts = map_rows(stages(tmp_path, max_part_rows=40), "scale", scaled, 100, VALUES, 2.0)
    assert np.array_equal(parts.read("scaled"), VALUES * 2)


def test_a_part_that_two_workers_finish_is_that_of_the_first(tmp_path: Path) -> None:
    parts = Parts(tmp_path, 1, 1)

    def beaten(rows: slice) -> Mapping[str, NDArray[Any]]:
        first = RowsTask(parts.path(0), lambda rows: {"who": np.array([1])}, rows, ())
        assert run_part(first) == 1
        return {"who": np.array([2])}

    assert run_part(RowsTask(parts.path(0), beaten, slice(0, 1), ())) == 1
    assert parts.read("who").tolist() == [1]
    assert names(tmp_path) == ["00000"], "nothing is left of the second"


def test_a_failed_part_leaves_nothing(tmp_path: Path) -> None:
    def fails(rows: slice) -> Mapping[str, NDArray[Any]]:
        return {"fine": np.arange(3), "an object": np.array([{}], object)}

    with pytest.raises(ValueError, match="Object arrays"):
        run_part(RowsTask(tmp_path / "00000", fails, slice(0, 1), ()))
    assert names(tmp_path) == []


def test_parts_that_workers_wrote_elsewhere_are_found_out(tmp_path: Path) -> None:
    nothing_here = Stages(lambda work, tasks: [1] * len(tasks), tmp_path / "parts", "a test")
    with pytest.raises(ReleaseError, match="do all workers see the disk") as error:
        map_rows(nothing_here, "scale", scaled, 100, VALUES, 2.0, part_rows=30)
    assert "4 of 4 parts of 'scale'" in str(error.value)
