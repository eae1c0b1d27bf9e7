"""Stories: the coverage of one event, through the nightly job, the command line and the face."""

import datetime
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest

import simrec
from simrec.arrays import write_npy
from simrec.config import StoriesConfig
from simrec.recommend.candidates import NO_GROUP
from simrec.recommend.rerank import RankedCandidates
from simrec.recommend.stories import find_stories
from simrec.tasks.rows import Parts
from simrec.tasks.stages import Stages, in_turn
from tests.conftest import CONFIG, House, nightly_house, speeches

STORIES = "[stories]\nwindow_days = 4\nmin_score = 0.4\n"
FIRST = (
    "The steamboat Washington ran upon a bar near Cincinnati on Tuesday night, and forty "
    "passengers were brought ashore by fishermen. The captain blames a lantern that had gone out."
)
EVENT = {
    "wreck/gazette": (FIRST, "Gazette", "1823-05-01"),
    "wreck/herald": (
        "Forty passengers of the steamboat Washington were brought ashore by fishermen after it "
        "ran upon a bar near Cincinnati. The owners deny that a lantern had gone out, and say "
        "that the captain of the steamboat was warned of the bar by the pilot the same night.",
        "Herald",
        "1823-05-03",
    ),
    "wreck/copy": (f"{FIRST} (Posted again.)", "Reposter", "1823-06-20"),
    "wreck/trial": (
        "The captain of the steamboat Washington, which ran upon a bar near Cincinnati, is tried; "
        "fishermen who brought the passengers ashore say that the lantern had gone out.",
        "Herald",
        "1823-09-09",
    ),
}


def corpus() -> list[dict[str, Any]]:
    articles = speeches()
    for article_id, (text, account, date) in EVENT.items():
        article = {"id": article_id, "text": text, "account": account, "published_at": date}
        articles.append({**article, "lang": "en"})
    return articles


@pytest.fixture(scope="module")
def house(published: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with four articles about a wreck, one of them a copy and one months later."""
    config = CONFIG.replace("lexical_weight = 0", "lexical_weight = 0.7") + STORIES
    return nightly_house(published, tmp_path_factory.mktemp("stories"), config, corpus())


def test_a_story_names_who_was_first_and_who_has_most(house: House) -> None:
    rows = house.simrec("story", "wreck/herald", "--json").rows
    assert [(row["id"], row["account"]) for row in rows] == [
        ("wreck/gazette", "Gazette"),
        ("wreck/herald", "Herald"),
        ("wreck/copy", "Reposter"),
    ], "the copy goes with its original, whenever it is posted; the trial is another event"
    assert [row["id"] for row in rows if row["is_first"]] == ["wreck/gazette"]
    assert [row["id"] for row in rows if row["is_fullest"]] == ["wreck/herald"]
    assert sum(row["is_lead"] for row in rows) == 1
    assert [row["characters"] for row in rows] == [len(EVENT[row["id"]][0]) for row in rows]
    printed = house.simrec("story", "wreck/copy").out.splitlines()
    assert "first" in printed[1] and "fullest" in printed[2]
    with simrec.open(house.workspace) as recommender:
        assert [article.as_dict() for article in recommender.story("wreck/gazette")] == rows
        assert recommender.story("wreck/trial") == []
    alone = house.simrec("story", "wreck/trial")
    assert (alone.code, alone.out, "no other article" in alone.err) == (0, "", True)
    assert house.simrec("story", "wreck/none").code == 4


def test_the_table_is_the_same_from_scratch_and_after_a_night(house: House, tmp_path: Path) -> None:
    changed = House(tmp_path / "house")
    shutil.copytree(house.folder, changed.folder)
    late = {**changed.articles[-3], "id": "wreck/late", "published_at": "1823-05-04"}
    late["text"] += " A reward is offered to the fishermen."
    changed.write_articles([*changed.articles[5:], late])
    assert changed.job().code == 0
    table = changed.workspace / "releases" / changed.current / "stories.parquet"
    by_night = table.read_bytes()
    assert "wreck/late" in parquet.read_table(table)["article"].to_pylist()
    shutil.rmtree(changed.workspace / "releases")
    (changed.workspace / "releases").mkdir()
    (changed.workspace / "CURRENT").unlink()
    assert changed.job().code == 0
    assert table.read_bytes() == by_night


@pytest.mark.parametrize("window", [0, 2, 5])
@pytest.mark.parametrize("max_size", [2, 3, 50])
def test_stories_are_those_of_a_slow_recount(window: int, max_size: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(window + max_size)
    n = 60
    candidates = np.stack([rng.permutation(n)[:8] for _ in range(n)])
    scores = rng.random((n, 8)).astype(np.float32)
    offsets = rng.integers(0, 12, n)
    start = datetime.date(2024, 1, 1)
    published = [
        None if row % 9 == 0 else str(start + datetime.timedelta(days=int(offset)))
        for row, offset in enumerate(offsets)
    ]
    originals = np.full(n, NO_GROUP)
    originals[[4, 40, 41]] = 4
    config = StoriesConfig(window_days=window, min_score=0.5, max_size=max_size)
    parts = Parts(tmp_path / "parts", n, n)
    for name, values in {"rows": candidates, "scores": scores}.items():
        (parts.path(0)).mkdir(parents=True, exist_ok=True)
        write_npy(parts.path(0) / f"{name}.npy", [values], values.shape, values.dtype.str)
    stages = Stages(in_turn, tmp_path / "stages", "test")
    stories = find_stories(RankedCandidates(parts), published, originals, config, stages)
    assert groups(stories.first) == recounted(candidates, scores, published, originals, config)
    for first in set(stories.first.tolist()) - {NO_GROUP}:
        members = np.flatnonzero(stories.first == first)
        assert min(members, key=lambda row: (published[row] or "~", row)) == first
        assert stories.is_lead[members].sum() == 1


def groups(first: np.ndarray) -> set[frozenset[int]]:
    firsts = set(first.tolist()) - {NO_GROUP}
    return {frozenset(np.flatnonzero(first == row).tolist()) for row in firsts}


def recounted(
    candidates: np.ndarray,
    scores: np.ndarray,
    published: list[str | None],
    originals: np.ndarray,
    config: StoriesConfig,
) -> set[frozenset[int]]:
    """Join sets of originals, best pair first, by the rules of the docs."""

    def day(row: int) -> int | None:
        date = published[row]
        return datetime.date.fromisoformat(date).toordinal() if date else None

    def original(row: int) -> int:
        return row if originals[row] == NO_GROUP else int(originals[row])

    best: dict[tuple[int, int], float] = {}
    for row in range(len(candidates)):
        for other, score in zip(candidates[row].tolist(), scores[row].tolist(), strict=True):
            pair = tuple(sorted((original(row), original(other))))
            ends = [day(row), day(other), *map(day, pair)]
            if score < config.min_score or pair[0] == pair[1] or None in ends:
                continue
            if max(abs(ends[0] - ends[1]), abs(ends[2] - ends[3])) <= config.window_days:
                best[pair] = max(score, best.get(pair, 0))
    story_of = {row: {row} for row in range(len(candidates)) if original(row) == row}
    copies = {
        row: [copy for copy in range(len(candidates)) if original(copy) == row] for row in story_of
    }
    for row, other in (
        sorted(best, key=lambda pair: (-best[pair], pair)) if config.window_days else ()
    ):
        whole = story_of[row] | story_of[other]
        days = [day(member) for member in whole if day(member) is not None]
        if sum(len(copies[member]) for member in whole) > config.max_size:
            continue
        if max(days) - min(days) <= config.window_days:
            story_of.update(dict.fromkeys(whole, whole))
    return {
        frozenset(copy for member in whole for copy in copies[member])
        for whole in story_of.values()
        if len(whole) > 1
    }
