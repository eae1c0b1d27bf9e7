"""Updated kNN graphs and indexes against those from scratch, and against brute force."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simrec.arrays import write_npy
from simrec.config import IndexConfig
from simrec.index import vectors as on_disk
from simrec.index.incremental import TILE, RowChange, Tile, diff_rows
from simrec.index.incremental import update_knn_graph as update_files
from simrec.index.index_facts import IndexFacts
from simrec.index.knn_graph import KnnGraph
from simrec.index.refresh import PreviousIndex
from simrec.index.refresh import refresh as refresh_files
from simrec.index.vector_index import VectorIndex
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages
from tests.index.made import graph_of, index_of, killed, stages

K, DIM = 10, 16
Articles = dict[str, np.ndarray]


def vector(seed: int) -> np.ndarray:
    """One of a few hundred vectors, so that ties and twins are common."""
    random = np.random.default_rng(seed % 300)
    centre = np.random.default_rng(10_000 + seed % 12).normal(size=DIM)
    return on_disk.unit(centre + random.normal(size=DIM)).astype(np.float16)


def rows(articles: Articles) -> tuple[list[str], np.ndarray]:
    ids = sorted(articles)
    return ids, np.array([articles[article_id] for article_id in ids], np.float16).reshape(-1, DIM)


def made_from_scratch(articles: Articles, path: Path) -> KnnGraph:
    matrix, folder = on_disk.unit(rows(articles)[1]), path.with_suffix(".made")
    graph_of(index_of(matrix, IndexConfig(kind="exact"), K, folder), K, folder)
    (folder / "graph.npy").rename(path)
    shutil.rmtree(folder)
    return KnnGraph.open(path)


def update(
    before: Path,
    matrix: np.ndarray,
    changed: RowChange,
    path: Path,
    tile: Tile = TILE,
    range_rows: int = 0,
) -> KnnGraph:
    folder = path.with_suffix(".made")
    folder.mkdir(exist_ok=True)
    write_npy(folder / "vectors.npy", [matrix], matrix.shape, "<f4")  # type: ignore[arg-type]
    parts = stages(folder, range_rows)
    return update_files(before, folder / "vectors.npy", changed, path, parts, tile)


def refresh(folder: Path, ids: list[str], before: PreviousIndex | None, config: IndexConfig) -> str:
    parts = stages(folder)
    sentence = refresh_files(ReleaseFolder(folder), ids, before, config, K, parts)
    parts.end()
    return sentence


def brute_force(articles: Articles) -> np.ndarray:
    """The K nearest rows of each, by (cosine down to six decimals, row up), -1 at the end."""
    matrix = on_disk.unit(rows(articles)[1]).astype(np.float64)
    scores = (matrix @ matrix.T).round(6)
    np.fill_diagonal(scores, -9)
    found = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    return np.pad(
        np.where(np.take_along_axis(scores, found, 1) > -9, found, -1),
        ((0, 0), (0, max(0, K - len(matrix)))),
        constant_values=-1,
    )


nights = st.lists(
    st.lists(
        st.tuples(st.integers(0, 120), st.one_of(st.none(), st.integers(0, 400))), max_size=40
    ),
    min_size=2,
    max_size=5,
)


@settings(max_examples=60)
@given(nights=nights)
def test_after_any_nights_the_graph_is_the_one_from_scratch(
    tmp_path_factory: pytest.TempPathFactory, nights: list[list[tuple[int, int | None]]]
) -> None:
    folder = tmp_path_factory.mktemp("nights")
    articles: Articles = {f"a{n:03d}": vector(n) for n in range(0, 120, 2)}
    last = folder / "graph.npy"
    made_from_scratch(articles, last)
    for number, night in enumerate(nights):
        before = rows(articles)
        for article, seed in night:
            if seed is None:
                articles.pop(f"a{article:03d}", None)
            else:
                articles[f"a{article:03d}"] = vector(seed)
        now = rows(articles)
        changed = diff_rows(before[0], now[0], before[1], now[1])
        graph = update(last, on_disk.unit(now[1]), changed, folder / f"{number}.npy")
        last = folder / f"{number}.npy"
        whole = made_from_scratch(articles, folder / "whole.npy")
        assert np.array_equal(graph.packed[:, :K], whole.packed[:, :K])
        found = np.concatenate([block for block, _ in graph.blocks(K)] or [np.empty((0, K))])
        expected = brute_force(articles)
        assert (found != expected).mean() <= 0.02, (
            "but for ties that only double precision tells apart"
        )


def test_a_handful_of_articles_grows(tmp_path: Path) -> None:
    """A list that held all others knows all there can be, and takes in whatever comes."""
    articles = {f"a{n:03d}": vector(n) for n in range(3)}
    last = tmp_path / "graph.npy"
    made_from_scratch(articles, last)
    for night, more in enumerate((2, 30, 20)):
        before = rows(articles)
        articles |= {f"b{night}{n:03d}": vector(40 * night + n) for n in range(more)}
        now = rows(articles)
        changed = diff_rows(before[0], now[0], before[1], now[1])
        graph = update(last, on_disk.unit(now[1]), changed, tmp_path / f"{night}.npy")
        last = tmp_path / f"{night}.npy"
        whole = made_from_scratch(articles, tmp_path / "whole.npy")
        assert np.array_equal(graph.packed[:, :K], whole.packed[:, :K])


@pytest.mark.parametrize("tile", [Tile(1, 5), Tile(7, 3), Tile(40, 500), Tile(2_048, 2_048)])
@pytest.mark.parametrize("range_rows", [0, 41])
def test_tiles_and_ranges_of_any_size_give_the_graph_from_scratch(
    tmp_path: Path, tile: Tile, range_rows: int
) -> None:
    articles = {f"a{n:03d}": vector(n) for n in range(120)}
    made_from_scratch(articles, tmp_path / "graph.npy")
    before = rows(articles)
    articles |= {f"a{n:03d}": vector(n + 1) for n in range(0, 120, 7)}
    articles |= {f"b{n:03d}": vector(n) for n in range(20)}
    del articles["a003"], articles["a004"]
    now = rows(articles)
    changed = diff_rows(before[0], now[0], before[1], now[1])
    graph = update(
        tmp_path / "graph.npy",
        on_disk.unit(now[1]),
        changed,
        tmp_path / "now.npy",
        tile,
        range_rows,
    )
    whole = made_from_scratch(articles, tmp_path / "whole.npy")
    assert np.array_equal(graph.packed[:, :K], whole.packed[:, :K])


@pytest.mark.parametrize("tile", [Tile(4_096, 2_048), Tile(2_048, 4_096), Tile(4_096, 4_096)])
def test_tiles_that_packed_numbers_cannot_hold_are_refused(tmp_path: Path, tile: Tile) -> None:
    """They gave some rows the neighbours of others, in silence."""
    articles = {f"a{n:04d}": vector(n) for n in range(0, 5_000, 2)}
    made_from_scratch(articles, tmp_path / "graph.npy")
    before = rows(articles)
    articles |= {f"a{n:04d}": vector(n) for n in range(1, 5_000, 2)}
    now = rows(articles)
    change = diff_rows(before[0], now[0], before[1], now[1])
    matrix = on_disk.unit(now[1])
    with pytest.raises(ValueError, match="cannot be packed: queries end at 2047"):
        update(tmp_path / "graph.npy", matrix, change, tmp_path / "now.npy", tile)


@pytest.mark.parametrize("written", [0, 1])
def test_a_killed_update_goes_on_where_it_was(tmp_path: Path, written: int) -> None:
    """In two ranges, and killed after none or one of them."""
    articles = {f"a{n:03d}": vector(n) for n in range(300)}
    made_from_scratch(articles, tmp_path / "graph.npy")
    before = rows(articles)
    articles |= {f"a{n:03d}": vector(n + 1) for n in range(0, 300, 17)}
    now = rows(articles)
    changed = diff_rows(before[0], now[0], before[1], now[1])
    folder, vectors = tmp_path / "made", tmp_path / "vectors.npy"
    folder.mkdir()
    write_npy(vectors, [on_disk.unit(now[1])], now[1].shape, "<f4")
    ran: list[str] = []
    for killed_after in (written, 99):
        parts = Stages(killed(ran, killed_after), folder / "parts", "a test", max_part_rows=150)
        try:
            updated = update_files(
                tmp_path / "graph.npy", vectors, changed, tmp_path / "now.npy", parts
            )
        except KeyboardInterrupt:
            assert not (tmp_path / "now.npy").exists()
    assert ran == ["neighbours/00000", "neighbours/00001"], "what was done is not done again"
    assert np.array_equal(
        updated.packed[:, :K], made_from_scratch(articles, tmp_path / "whole.npy").packed[:, :K]
    )


def test_rows_that_lost_most_neighbours_are_searched_anew(tmp_path: Path) -> None:
    articles = {f"a{n:04d}": vector(n) for n in range(900)}
    graph = made_from_scratch(articles, tmp_path / "graph.npy")
    before = rows(articles)
    nearest = [before[0][row] for row in next(graph.blocks(38))[0][450]]
    for article_id in nearest[:35]:  # of the 38 that are kept 3 are left, fewer than K
        del articles[article_id]
    now = rows(articles)
    changed = diff_rows(before[0], now[0], before[1], now[1])
    assert (len(changed.new_rows), changed.gone) == (0, 35)
    updated = update(tmp_path / "graph.npy", on_disk.unit(now[1]), changed, tmp_path / "now.npy")
    assert np.array_equal(
        updated.packed[:, :K], made_from_scratch(articles, tmp_path / "whole.npy").packed[:, :K]
    )


def test_a_list_takes_in_nothing_beyond_what_it_knows(tmp_path: Path) -> None:
    """Of a hundred equals a list holds the first 38; one after them all is not the eleventh."""
    articles = {f"a{n:03d}": vector(1) for n in range(100)} | {
        f"b{n:03d}": vector(n) for n in range(2, 200)
    }
    last = tmp_path / "graph.npy"
    made_from_scratch(articles, last)
    for night, gone in enumerate((range(1, 29), range(29, 30))):
        before = rows(articles)
        for n in gone:
            del articles[f"a{n:03d}"]
        articles[f"c{night}"] = vector(1)
        now = rows(articles)
        changed = diff_rows(before[0], now[0], before[1], now[1])
        graph = update(last, on_disk.unit(now[1]), changed, tmp_path / f"{night}.npy")
        last = tmp_path / f"{night}.npy"
        whole = made_from_scratch(articles, tmp_path / "whole.npy")
        assert np.array_equal(graph.packed[:, :K], whole.packed[:, :K])


def stage(folder: Path, articles: Articles) -> list[str]:
    folder.mkdir()
    ids, matrix = rows(articles)
    write_npy(folder / "vectors.npy", [matrix], matrix.shape)
    return ids


@pytest.mark.parametrize("kind", ["exact", "ivf_pq", "ivf_flat", "hnsw"])
def test_a_night_of_each_kind_is_as_good_as_from_scratch(tmp_path: Path, kind: str) -> None:
    random = np.random.default_rng(5)
    centres = random.normal(size=(30, DIM))

    def draw() -> Any:
        return on_disk.unit(centres[random.integers(30)] + 0.6 * random.normal(size=DIM)).astype(
            np.float16
        )

    articles = {f"a{n:05d}": draw() for n in range(3_000)}
    config = IndexConfig(kind=kind, candidates=K, recall_target=0.95)  # type: ignore[arg-type]
    ids = stage(tmp_path / "first", articles)
    refresh(tmp_path / "first", ids, None, config)
    facts = read_facts(tmp_path / "first")
    before = PreviousIndex(ReleaseFolder(tmp_path / "first"), ids, facts)

    for n in random.choice(3_000, 90, replace=False):
        del articles[f"a{n:05d}"]
    articles |= {f"b{n:05d}": draw() for n in range(60)} | {f"a{n:05d}": draw() for n in range(30)}
    ids = stage(tmp_path / "now", articles)
    sentence = refresh(tmp_path / "now", ids, before, config)
    assert "new rows and" in sentence
    found = np.concatenate(
        [block for block, _ in KnnGraph.open(tmp_path / "now" / "graph.npy").blocks(K)]
    )
    expected = brute_force(articles)
    recall = np.mean([len(set(a) & set(b)) / K for a, b in zip(found, expected, strict=True)])
    assert recall >= (0.9999 if kind == "exact" else 0.95)
    opened = VectorIndex.open(
        tmp_path / "now" / "index.faiss",
        read_facts(tmp_path / "now"),
        on_disk.unit(rows(articles)[1]),
    )
    assert opened.facts.recall >= 0.95
    assert opened.facts.rows == len(articles)
    chosen = [point.recall for point in opened.facts.curve if point.effort == opened.facts.effort]
    assert chosen == [opened.facts.recall], "the curve is of this night"


def test_vectors_beyond_the_memory_stay_on_disk(tmp_path: Path) -> None:
    articles = {f"a{n:05d}": vector(n) + np.float16(n / 1e5) for n in range(20_000)}
    ids = stage(tmp_path / "now", articles)
    config = IndexConfig(candidates=K, memory_mib=1, recall_target=0.9)
    assert refresh(tmp_path / "now", ids, None, config).startswith("ivf_pq")
    assert sorted(path.name for path in (tmp_path / "now").iterdir()) == [
        "graph.npy",
        "index.faiss",
        "index.json",
        "vectors.npy",
    ]


def test_lists_that_lost_recall_are_probed_more_before_they_are_learned_anew(
    tmp_path: Path,
) -> None:
    articles = {f"a{n:05d}": vector(n) + np.float16(n / 1e4) for n in range(2_000)}
    config = IndexConfig(kind="ivf_flat", candidates=K, recall_target=0.9)
    ids = stage(tmp_path / "first", articles)
    refresh(tmp_path / "first", ids, None, config)
    facts = replace(read_facts(tmp_path / "first"), effort=1, recall=0.2)
    articles["b"] = vector(5)
    ids_now = stage(tmp_path / "now", articles)
    assert "1 new rows and 0 gone" in refresh(
        tmp_path / "now",
        ids_now,
        PreviousIndex(ReleaseFolder(tmp_path / "first"), ids, facts),
        config,
    )
    tuned = read_facts(tmp_path / "now")
    assert tuned.recall >= 0.9
    assert tuned.effort > 1
    assert (tuned.changed, tuned.learned_rows) == (1, 2_000), "the lists are those of before"


def test_lists_of_whole_vectors_that_auto_fell_back_to_are_followed(tmp_path: Path) -> None:
    """The next night does not try codes again while little has changed."""
    articles = {f"a{n:05d}": vector(n) + np.float16(n / 1e4) for n in range(2_000)}
    ids = stage(tmp_path / "first", articles)
    lists = IndexConfig(kind="ivf_flat", candidates=K, recall_target=0.9)
    refresh(tmp_path / "first", ids, None, lists)
    before = PreviousIndex(ReleaseFolder(tmp_path / "first"), ids, read_facts(tmp_path / "first"))
    articles["b"] = vector(5)
    ids = stage(tmp_path / "now", articles)
    auto = IndexConfig(candidates=K, recall_target=0.9, exact_max_rows=500)
    assert refresh(tmp_path / "now", ids, before, auto).endswith("1 new rows and 0 gone")
    small = IndexConfig(candidates=K, recall_target=0.9, exact_max_rows=500, memory_mib=0.1)
    ids = stage(tmp_path / "small", articles)
    assert refresh(tmp_path / "small", ids, before, small).endswith("from scratch"), "no room"


def read_facts(folder: Path) -> IndexFacts:
    return IndexFacts.read(folder / "index.json")


def test_much_change_is_made_from_scratch(tmp_path: Path) -> None:
    articles = {f"a{n:03d}": vector(n) for n in range(200)}
    before = PreviousIndex(
        ReleaseFolder(tmp_path / "first"),
        stage(tmp_path / "first", articles),
        IndexFacts("exact", 200, DIM),
    )
    refresh(tmp_path / "first", before.ids, None, IndexConfig(candidates=K))
    for n in range(50):
        articles[f"a{n:03d}"] = vector(n + 7)
    ids = stage(tmp_path / "now", articles)
    assert "from scratch" in refresh(tmp_path / "now", ids, before, IndexConfig(candidates=K))
    whole = made_from_scratch(articles, tmp_path / "whole.npy")
    assert np.array_equal(
        KnnGraph.open(tmp_path / "now" / "graph.npy").packed[:, :K], whole.packed[:, :K]
    )
