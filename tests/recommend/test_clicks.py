"""Clicks: what was read together comes nearer, what nobody clicked stays where it was."""

import json
import logging
import math
import random
import shutil
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from simrec.errors import ConfigError, GateError
from simrec.recommend.click_file import ClickPairs, read_clicks
from simrec.recommend.clicks import SHRINKAGE, pair_strengths
from tests.conftest import CONFIG, House, Ran, first_house, speeches

IDS = sorted(speech["id"] for speech in speeches())
ROW_OF = {name: row for row, name in enumerate(("a", "b", "c", "7"))}
SEED = "1861-Lincoln-1/13"
SHARE = 0.8
Pairs = Sequence[tuple[str, str, int]]


def test_counts_of_a_pair_are_added_whichever_comes_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "clicks.jsonl"
    rows = [
        *({"id_a": "a", "id_b": "b", "count": 2}, {"id_a": "b", "id_b": "a", "count": 3}),
        *({"id_a": "c", "id_b": 7}, {"id_a": "a", "id_b": "a", "count": 9}),
        *({"id_a": "a", "id_b": "c", "count": 0}, {"id_a": "gone", "id_b": "a", "count": 4}),
        {"id_a": "a", "id_b": "c", "count": "many"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with caplog.at_level(logging.WARNING):
        counted, facts = read_clicks(path, ROW_OF, 0.2)
    pairs = zip(counted.left.tolist(), counted.right.tolist(), counted.counts.tolist(), strict=True)
    assert list(pairs) == [(0, 1, 5.0), (2, 3, 1.0)]
    assert (facts.pairs, facts.unknown, facts.bad) == (2, 1, 1)
    assert "1 of 5 rows name articles that are not there ('gone', " in caplog.text
    assert "line 7: count is 'many'" in caplog.text
    with pytest.raises(GateError, match=r"(?s)line 7.*1 of 5 rows of .* are no pairs"):
        read_clicks(path, ROW_OF, 0.1)


@pytest.mark.parametrize("text", ["a,b\nx,y\n", "id_a,count\na,1\n"])
def test_other_columns_are_an_error_that_names_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"its columns are .*recommend\.clicks needs id_a, id_b"):
        read_clicks(path, ROW_OF, 0.1)


def test_what_is_read_with_everything_is_read_with_nothing_in_particular() -> None:
    rows = [(0, 1, 30), *((5, other, 30) for other in range(5)), (3, 4, 1), (6, 7, 60), (5, 6, 1)]
    left, right, counts = np.array(rows).T
    counted = ClickPairs.of(left, right, counts.astype(float))
    strengths = pair_strengths(counted)
    total = 2 * sum(counts)
    expected = math.log(30 * total / (60 * 60)) / math.log(total / 30) * 30 / (30 + SHRINKAGE)
    assert strengths[0] == pytest.approx(expected, abs=1e-6)  # 0 and 1 alone
    popular = (counted.left == 2) | (counted.right == 5)
    assert strengths[popular].max() < strengths[0]
    assert strengths[(counted.left == 5) & (counted.right == 6)] == 0  # less than by chance
    assert strengths[(counted.left == 3) & (counted.right == 4)] < 0.05  # once is chance


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with the encoder in the box and a release without clicks."""
    return first_house(tmp_path_factory.mktemp("clicks"), CONFIG)


@pytest.fixture
def changed(house: House, tmp_path: Path) -> House:
    """A copy, to be changed."""
    shutil.copytree(house.folder, tmp_path / "house")
    return House(tmp_path / "house")


def write_clicks(house: House, pairs: Pairs, share: float | str) -> None:
    lines = [f'"{left}","{right}",{count}\n' for left, right, count in pairs]
    (house.folder / "clicks.csv").write_text("id_a,id_b,count\n" + "".join(lines))
    value = f'"{share}"' if isinstance(share, str) else share
    clicks = f'clicks = "clicks.csv"\nclicks_share = {value}\n'
    (house.folder / "config.toml").write_text(
        CONFIG.replace("[recommend]\n", f"[recommend]\n{clicks}")
    )


def chosen_share(house: House, pairs: Pairs) -> tuple[float, Ran]:
    """Return the share that is chosen with these clicks."""
    write_clicks(house, pairs, "auto")
    for step in ("index", "recommend"):
        ran = house.step(step)
        assert ran.code == 0, ran.err
    (facts,) = house.workspace.glob("staging/*/clicks.json")
    share: float = json.loads(facts.read_bytes())["share"]
    return share, ran


def scores_of(house: House, seed: str, *options: str) -> dict[str, float]:
    hits = house.simrec("similar", seed, "--json", *options).rows
    return {hit["id"]: hit["score"] for hit in hits}


def test_pairs_read_together_come_nearer_in_tables_and_answers(
    house: House, changed: House
) -> None:
    alone = scores_of(house, SEED, "--no-rules", "-n", str(len(IDS)))
    far = list(alone)[-1]
    others = [name for name in list(alone)[100:160:2] if name != far]
    pairs = [
        (SEED, far, 60),
        *((left, right, 10) for left, right in zip(others, others[1:], strict=False)),
    ]
    write_clicks(changed, [*pairs, ("gone", SEED, 5)], SHARE)
    ran = changed.job()
    assert ran.code == 0, ran.err
    assert "1 of 31 rows name articles that are not there ('gone', " in ran.err
    total = 2 * sum(count for *_, count in pairs)
    strength = math.log(60 * total / 60**2) / math.log(total / 60) * 60 / (60 + SHRINKAGE)
    expected = alone[far] + SHARE * strength * (1 - alone[far])
    assert expected > max(alone.values())  # so that it comes first

    release = changed.workspace / "releases" / changed.current
    table = parquet.read_table(release / "similar_articles.parquet").to_pylist()
    first = next(row for row in table if row["article"] == SEED)
    assert (first["similar"], first["rank"]) == (far, 1)
    assert first["score"] == pytest.approx(expected, abs=2e-6)
    assert "read together" in first["reason"].split("; ")
    assert not any(
        "read together" in row["reason"]
        for row in table
        if row["similar"] == SEED and row["article"] != far
    )

    searched = scores_of(changed, SEED, "--no-rules", "-n", str(len(IDS)))
    assert searched[far] == pytest.approx(expected, abs=2e-6)
    assert {name: score for name, score in searched.items() if name != far} == {
        name: score for name, score in alone.items() if name != far
    }
    cold = next(name for name in IDS if name not in {SEED, far, *others})
    assert scores_of(changed, cold) == scores_of(house, cold)
    (hit,) = changed.simrec("similar", SEED, "-n", "1", "--explain", "--json").rows
    assert "read together" in hit["explanation"]["notes"]
    text = scores_of(changed, "--text", "--", "The union of these states")
    assert text == scores_of(house, "--text", "--", "The union of these states")
    manifest = json.loads((release / "manifest.json").read_bytes())
    assert manifest["clicks"]["pairs"] == 30 and manifest["clicks"]["share"] == SHARE
    assert changed.simrec("verify").code == 0

    before = changed.current
    (changed.folder / "clicks.csv").rename(changed.folder / "moved.csv")
    config = (changed.folder / "config.toml").read_text().replace("clicks.csv", "moved.csv")
    (changed.folder / "config.toml").write_text(config)
    assert changed.job().code == 0 and changed.current == before  # what it says decides
    (changed.folder / "moved.csv").unlink()
    ran = changed.job()
    assert ran.code == 3 and "recommend.clicks: " in ran.err and "moved.csv" in ran.err


def test_the_share_is_what_held_out_clicks_are_found_best_with(changed: House) -> None:
    rng = random.Random(0)
    shuffled = rng.sample(IDS, len(IDS))
    groups = [shuffled[start : start + 4] for start in range(0, len(IDS) - 4, 4)]
    together = [(*pair, 12) for group in groups for pair in combinations(group, 2)]
    share, ran = chosen_share(changed, together)
    assert share > 0, ran.err
    assert f"clicks have a share of {share} in a score" in ran.err
    by_chance = [(*rng.sample(IDS, 2), 1) for _ in range(600)]
    assert chosen_share(changed, by_chance)[0] == 0
    share, ran = chosen_share(changed, together[:3])
    assert share == 0 and "only " in ran.err and "recommend.clicks_share sets it" in ran.err
