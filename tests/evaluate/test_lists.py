"""Facts about the lists of a release, each against a count by hand."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from scipy.stats import skew

from simrec.articles.store_writer import Reject
from simrec.evaluate import projection
from simrec.evaluate.layout import layout
from simrec.evaluate.list_statistics import describe_lists, effective_number
from simrec.evaluate.recommendations import (
    K,
    Recommendations,
    find_hubs,
    find_lowest_scored,
    overlap,
)
from simrec.evaluate.report import summarize_rejects
from simrec.evaluate.report_format import AccountMap, ArticleMap, RejectReason

IDS = [f"a{n}" for n in range(60)]
ACCOUNTS = [f"account {n % 7}" if n % 10 else None for n in range(60)]
DAYS = [f"2024-{1 + n % 12:02d}-03T10:00:00Z" if n % 5 else None for n in range(60)]


def written(path: Path, seed: int, ids: list[str] = IDS) -> list[tuple[str, int, str, float]]:
    """Write a table of similar articles drawn by chance, some lists short, and return its rows."""
    random = np.random.default_rng(seed)
    rows = []
    for article in ids:
        others = [other for other in ids if other != article]
        recommended = random.choice(
            others, random.integers(1, 15), replace=False, p=_popular(len(others))
        )
        scores = np.sort(random.random(len(recommended)))[::-1]
        rows += [
            (article, place + 1, other, float(scores[place]))
            for place, other in enumerate(recommended.tolist())
        ]
    names = ("article", "rank", "similar", "score")
    table = pyarrow.table({name: [row[n] for row in rows] for n, name in enumerate(names)})
    parquet.write_table(table.append_column("reason", [["r"] * len(rows)]), path)
    return rows


def _popular(count: int) -> np.ndarray:
    weights = 1 / np.arange(1, count + 1)
    return weights / weights.sum()


@pytest.fixture
def table(tmp_path: Path) -> tuple[Recommendations, list[tuple[str, int, str, float]]]:
    rows = [row for row in written(tmp_path / "similar.parquet", 0) if row[1] <= K]
    return Recommendations.read(tmp_path / "similar.parquet", IDS), rows


def test_statistics_equal_a_count_by_hand(table) -> None:
    read, rows = table
    statistics = describe_lists(read, ACCOUNTS, DAYS)
    occurrences = Counter(row[2] for row in rows)
    counts = np.array([occurrences[article] for article in IDS])
    assert statistics.coverage == pytest.approx(len(occurrences) / 60, abs=1e-4)
    assert statistics.never_recommended == 60 - len(occurrences)
    assert statistics.most_recommended == max(occurrences.values())
    assert statistics.hubness == pytest.approx(skew(counts), abs=1e-3)
    assert statistics.novelty_bits == pytest.approx(
        np.mean([np.log2(60 / occurrences[row[2]]) for row in rows]), abs=1e-3
    )
    assert sum(statistics.occurrences.articles) == 60
    owner = dict(zip(IDS, ACCOUNTS, strict=True))
    of_owned = [row for row in rows if owner[row[0]]]
    same = sum(owner[row[0]] == owner[row[2]] for row in of_owned) / len(of_owned)
    assert statistics.accounts.of_the_same_account == pytest.approx(same, abs=1e-4)
    of_accounts = Counter(owner[row[2]] for row in rows if owner[row[2]])
    places = max(of_accounts.values())
    assert of_accounts[statistics.accounts.most_recommended] == places
    assert statistics.accounts.its_share == pytest.approx(
        places / sum(owner[row[2]] is not None for row in rows), abs=1e-4
    )
    assert statistics.freshness.first == "2024-01-03"


def test_statistics_without_accounts_or_dates_are_none(table) -> None:
    statistics = describe_lists(table[0], [None] * 60, [None] * 60)
    assert statistics.accounts is None
    assert statistics.freshness is None
    none = Recommendations(*(np.zeros(0, np.int64) for _ in range(4)))
    empty = describe_lists(none, ["one"], ["not a date"])
    assert (empty.coverage, empty.hubness, empty.accounts, empty.freshness) == (
        0,
        0,
        None,
        None,
    )


def test_the_effective_number_of_equal_accounts_is_their_number(table) -> None:
    assert effective_number(np.array([5, 5, 5, 5, 0])) == pytest.approx(4)
    assert effective_number(np.array([97, 1, 1, 1])) < 1.3


def test_lowest_scored_and_hubs_equal_a_sort_by_hand(table) -> None:
    read, rows = table
    first = {row[0]: row[3] for row in rows if row[1] == 1}
    worst = sorted(IDS, key=lambda article: first[article])
    assert [IDS[row] for row in find_lowest_scored(read, 5)] == worst[:5]
    duplicates = [IDS.index(article) for article in worst[1:3]]
    assert [IDS[row] for row in find_lowest_scored(read, 5, duplicates)] == [worst[0], *worst[3:7]]
    occurrences = Counter(row[2] for row in rows)
    assert [count for _, count in find_hubs(read, 60, 5)] == [
        count for _, count in occurrences.most_common(5)
    ]


def test_overlap_with_the_lists_before_is_counted_by_id(tmp_path: Path) -> None:
    ids_before = [article for article in IDS if article not in ("a3", "a4")]
    ids_now = [article for article in IDS if article not in ("a7", "a8", "a9")]
    before = [row for row in written(tmp_path / "before", 1, ids_before) if row[1] <= K]
    now = {(row[0], row[2]) for row in written(tmp_path / "now", 1, ids_now) if row[1] <= K}
    shares = overlap(
        Recommendations.read(tmp_path / "now", ids_now),
        ids_now,
        Recommendations.read(tmp_path / "before", ids_before),
        ids_before,
    ).shares
    both = [article for article in ids_before if article in ids_now]
    kept = [[(row[0], row[2]) in now for row in before if row[0] == article] for article in both]
    assert shares == pytest.approx([np.mean(hits) for hits in kept])
    assert 0 < shares.mean() < 1


def test_reasons_that_differ_only_in_names_and_numbers_count_as_one() -> None:
    rows = [Reject("/x/a.jsonl", n, f"no 'id{n}' of {n} bytes (write {n})") for n in range(1, 4)]
    rows += [Reject("/x/b.jsonl", 9, "not JSON")]
    assert summarize_rejects(rows) == [
        RejectReason("no … of … bytes", 3, "a.jsonl, line 1: no 'id1' of 1 bytes (write 1)"),
        RejectReason("not JSON", 1, "b.jsonl, line 9: not JSON"),
    ]


IDS80 = [f"a{n}" for n in range(80)]


def clusters() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    of = np.repeat(np.arange(4), 20)
    vectors = np.eye(4, 16)[of] * 3 + random.normal(0, 0.3, (80, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), of


def test_the_layout_puts_alike_vectors_together_and_is_deterministic() -> None:
    vectors, of = clusters()
    places = layout(vectors)
    apart = np.linalg.norm(places[:, None] - places, axis=2) + np.eye(80)
    assert (of[apart.argmin(axis=1)] == of).mean() > 0.95
    assert (places.min(), places.max()) == (0, 1)
    assert np.array_equal(places, layout(vectors))


def test_a_map_has_a_colour_for_the_largest_groups_and_none_of_too_few_points() -> None:
    vectors, of = clusters()
    labels = [f"group {n}" if n else None for n in of]
    article_map = projection.project_articles(
        IDS80, vectors, labels, ["t"] * 80, projection.NO_MAP, "category"
    )
    assert article_map.groups == ["group 1", "group 2", "group 3"]
    assert Counter(point[2] for point in article_map.points) == {0: 20, 1: 20, 2: 20, 3: 20}
    few = projection.project_articles(
        IDS80[:4], vectors[:4], labels[:4], ["t"] * 4, projection.NO_MAP, "category"
    )
    assert few == ArticleMap(coloured_by=None, groups=[], points=[], marks=[], added=0)
    accounts = projection.project_accounts(IDS80, vectors, list(range(80)), projection.NO_MAP)
    assert [point[3] for point in accounts.points[:2]] == ["a79", "a78"]
    assert projection.project_accounts(["a"], vectors[:1], [1], projection.NO_MAP) == AccountMap(
        points=[], added=0
    )


def test_old_points_stay_and_new_ones_are_between_their_nearest() -> None:
    vectors, of = clusters()
    before, added = projection.place_points(IDS80, vectors, projection.NO_MAP)
    assert added == 0
    known = projection.PlacedPoints(dict(zip(IDS80, before.tolist(), strict=True)), added)
    marks = [*IDS80[:70], *(f"new {n}" for n in range(10))]
    now, added = projection.place_points(marks, vectors, known)
    assert added == 10
    assert np.array_equal(now[:70], before[:70])
    for row in range(70, 80):
        nearest = np.argsort(-(vectors[:70] @ vectors[row]))[:5]
        assert now[row] == pytest.approx(before[nearest].mean(axis=0), abs=1e-4)
        assert set(of[nearest]) == {of[row]}


def test_a_map_is_laid_out_anew_when_a_fifth_was_added_since() -> None:
    vectors, _ = clusters()
    whole, _ = projection.place_points(IDS80, vectors, projection.NO_MAP)
    anywhere = dict.fromkeys(IDS80, (0.5, 0.5))
    assert projection.place_points(IDS80, vectors, projection.PlacedPoints(anywhere, 16))[1] == 16
    places, added = projection.place_points(IDS80, vectors, projection.PlacedPoints(anywhere, 17))
    assert added == 0
    assert np.array_equal(places, whole)


def test_the_articles_of_a_map_are_the_same_every_night() -> None:
    ids = [f"article {n}" for n in range(3_000)]
    before = [ids[row] for row in projection.sample_rows(ids)]
    assert len(set(before)) == projection.MAX_ARTICLES
    more = sorted([*ids, *(f"new {n}" for n in range(30))])
    now = [more[row] for row in projection.sample_rows(more)]
    old = [article for article in now if not article.startswith("new")]
    assert old == before[: len(old)]
    assert 950 < len(set(before) & set(now)) < 1_000


def test_another_vector_is_another_mark() -> None:
    vectors = clusters()[0].astype(np.float16)
    assert len({projection.mark(name, vector) for name in ("a", "b") for vector in vectors}) == 160
    assert projection.mark("a", vectors[3]) == projection.mark("a", vectors[3].copy())
