"""Every index against exact search with NumPy: rows, scores, order, ties."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simrec import arrays
from simrec.config import IndexConfig
from simrec.errors import GateError, ReleaseError
from simrec.index import faiss_kinds, packing
from simrec.index import vectors as on_disk
from simrec.index.exact import nearest
from simrec.index.knn_graph import KnnGraph, pairs
from simrec.index.vector_index import Index, cosines
from tests.index.made import graph_of, index_of, stages


def clustered(rows: int, dim: int = 32, clusters: int = 40, seed: int = 0) -> np.ndarray:
    """Unit vectors in clusters, as sentence embeddings lie, with some exact duplicates."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(clusters, dim))
    points = centres[random.integers(0, clusters, rows)] + 0.5 * random.normal(size=(rows, dim))
    points[: rows // 50] = points[rows // 2 : rows // 2 + rows // 50]
    return on_disk.unit(points)


def oracle(matrix: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs in double precision, by (cosine down, row up), self excluded."""
    scores = (matrix.astype(np.float64) @ matrix.T.astype(np.float64)).round(6)
    np.fill_diagonal(scores, -2)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(scores, order, axis=1)


APPROXIMATE = ["ivf_pq", "ivf_flat", "hnsw"]


def exact_graph(matrix: np.ndarray, k: int, folder: Path) -> KnnGraph:
    index = index_of(matrix, IndexConfig(kind="exact"), k, folder / "exact")
    return graph_of(index, k, folder / "exact")


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 30, 700, 3_000])
def test_exact_neighbours_are_the_oracles(tmp_path: Path, rows: int) -> None:
    matrix = clustered(rows)
    ((found, scores),) = list(exact_graph(matrix, 10, tmp_path).blocks(10)) or [
        (np.empty((0, 10)), np.empty((0, 10)))
    ]
    expected_rows, expected_scores = oracle(matrix, 10)
    kept = max(0, min(10, rows - 1))
    assert np.abs(scores[:, :kept] - expected_scores[:, :kept]).max(initial=0) < 2e-6
    differs = found[:, :kept] != expected_rows[:, :kept]
    assert differs.sum() <= 0.01 * differs.size  # where float32 sees a tie otherwise
    assert (found[:, kept:] == -1).all()
    assert (scores[:, kept:] == 0).all()
    assert not (found == np.arange(rows)[:, None]).any()


def test_ties_are_broken_by_row(tmp_path: Path) -> None:
    matrix = np.repeat(clustered(4, clusters=4), 5, axis=0)
    ((found, scores),) = exact_graph(matrix, 4, tmp_path).blocks(4)
    for row in range(20):
        block = row // 5 * 5
        assert found[row].tolist() == [other for other in range(block, block + 5) if other != row]
    assert (scores == 1).all()


def test_articles_that_are_all_alike_have_the_first_as_neighbours(tmp_path: Path) -> None:
    matrix = np.repeat(clustered(1), 2_500, axis=0)
    graph = exact_graph(matrix, 5, tmp_path)
    for row, found in enumerate(packing.rows_of(np.asarray(graph.packed[:, :5]))):
        assert found.tolist() == [other for other in range(6) if other != row][:5]


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_each_kind_reaches_the_recall_it_reports(tmp_path: Path, kind: str) -> None:
    matrix = clustered(6_000)
    index = index_of(matrix, IndexConfig(kind=kind, recall_target=0.95), 10, tmp_path / "made")
    facts = index.facts
    assert (facts.kind, facts.recall_k, facts.recall_queries) == (kind, 10, 200)
    assert 0 < facts.recall_low <= facts.recall <= facts.recall_high <= 1
    ((found, scores),) = graph_of(index, 10, tmp_path / "made").blocks(10)
    truth, expected = oracle(matrix, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, truth, strict=True)])
    assert facts.recall >= 0.95
    assert recall == pytest.approx(facts.recall, abs=0.03)
    same = found == truth
    assert np.abs(scores[same] - expected[same]).max() < 2e-6


def test_less_recall_is_less_effort(tmp_path: Path) -> None:
    matrix = clustered(6_000, clusters=2)  # little for lists to go by
    efforts = [
        index_of(
            matrix, IndexConfig(kind="ivf_flat", recall_target=t), 10, tmp_path / str(t)
        ).facts.effort
        for t in (0.5, 0.9, 0.99)
    ]
    assert 1 <= efforts[0] < efforts[1] < efforts[2]


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_a_curve_goes_from_the_least_effort_past_the_chosen_one(tmp_path: Path, kind: str) -> None:
    matrix = clustered(6_000, clusters=2)
    index = index_of(matrix, IndexConfig(kind=kind, recall_target=0.95), 10, tmp_path)
    facts, found = index.facts, index.search(matrix[:300], 10)
    efforts, compared, recalls = (
        [point[name] for point in facts.curve] for name in ("effort", "compared", "recall")
    )
    doubled = [effort for effort in efforts if effort != facts.effort or effort == efforts[0]]
    assert efforts[0] == (16 if kind == "hnsw" else 1)
    assert efforts[-1] > facts.effort
    assert set(np.diff(np.log2(doubled))) <= {1, 2}, (
        "each twice the one before; the chosen one may be one of them"
    )
    assert compared == sorted(set(compared)), "more effort is more work"
    assert 0 < compared[0] < compared[-1] <= 1
    assert np.diff(recalls).min() > -0.01
    assert [point["recall"] for point in facts.curve if point["effort"] == facts.effort] == [
        facts.recall
    ]
    judged = index.with_measured_recall(10)
    assert np.array_equal(judged.search(matrix[:300], 10), found), (
        "it searches with the effort that was chosen"
    )


def test_the_curve_of_lists_is_what_a_recount_finds(tmp_path: Path) -> None:
    matrix = clustered(6_000, clusters=2)
    index = index_of(matrix, IndexConfig(kind="ivf_flat", recall_target=0.95), 10, tmp_path)
    centres = index._index.quantizer.reconstruct_n(0, index.facts.lists)
    list_of = (matrix @ centres.T).argmax(axis=1)
    asked = np.linspace(0, 5_999, 400, dtype=np.int64)[1::2]
    nearest_lists = np.argsort(-(matrix[asked] @ centres.T), axis=1)
    cosines_to = matrix[asked] @ matrix.T
    cosines_to[np.arange(200), asked] = -1
    near = (
        cosines_to >= np.sort(cosines_to, axis=1)[:, -10:-9] - 3e-6
    )  # what ties with the tenth counts as well
    for point in index.facts.curve:
        looked_at = np.zeros((200, index.facts.lists), bool)
        np.put_along_axis(looked_at, nearest_lists[:, : int(point["effort"])], True, axis=1)
        rows = looked_at[:, list_of]
        assert point["compared"] == pytest.approx(rows.mean(), abs=1e-5)
        assert point["recall"] == pytest.approx(
            np.minimum((near & rows).sum(axis=1), 10).mean() / 10, abs=1e-4
        )


def test_exact_search_has_a_curve_of_one_point(tmp_path: Path) -> None:
    index = index_of(clustered(100), IndexConfig(), 10, tmp_path)
    more = index.changed(np.arange(100), clustered(101), np.array([100]))
    assert (
        list(index.facts.curve)
        == list(more.facts.curve)
        == [{"effort": 0, "compared": 1.0, "recall": 1.0}]
    )
    assert more.facts.rows == 101


def test_few_rows_are_indexed_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    index_of(clustered(450), IndexConfig(kind="ivf_pq"), 10, tmp_path / "made")
    assert capfd.readouterr() == ("", "")


def test_auto_is_exact_until_it_is_too_many() -> None:
    def kind(rows: int, dim: int = 256, **config: Any) -> str:
        return faiss_kinds.choose(rows, dim, IndexConfig(**config))

    assert (kind(1_000, exact_max_rows=1_000), kind(1_000, exact_max_rows=999)) == (
        "exact",
        "ivf_pq",
    )
    assert kind(1_000_000, recall_target=0.999) == "ivf_flat"
    assert kind(1_000_000, kind="hnsw") == "hnsw"
    assert kind(399, kind="ivf_pq") == "exact", "too few to tune on"


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_a_saved_index_answers_as_before(tmp_path: Path, kind: str) -> None:
    matrix = clustered(1_000)
    index = index_of(matrix, IndexConfig(kind=kind), 10, tmp_path / "made")
    index.save(tmp_path / "index.faiss")
    opened = Index.open(tmp_path / "index.faiss", index.facts.as_dict(), matrix)
    assert np.array_equal(opened.search(matrix[:50], 10), index.search(matrix[:50], 10))
    assert np.array_equal(
        opened.among_rows(0, 1_000).search(matrix[:99], 10)[:, 0] & 0xFFFFFFFF,
        same_first(matrix, 99),
    )
    with pytest.raises(ReleaseError, match="the stored vectors are"):
        Index.open(tmp_path / "index.faiss", {**index.facts.as_dict(), "rows": 999}, matrix)
    with pytest.raises(ReleaseError, match="its manifest says otherwise"):
        Index.open(tmp_path / "index.faiss", {**index.facts.as_dict(), "rows": 999}, matrix[:999])


def same_first(matrix: np.ndarray, rows: int) -> np.ndarray:
    """The row that each of the first rows is nearest to, which is itself or an equal one before it."""
    return (matrix[:rows] @ matrix.T).round(6).argmax(axis=1)


@pytest.mark.parametrize("kind", ["ivf_flat", "ivf_pq"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_cut_index_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    matrix = clustered(1_000)
    index = index_of(matrix, IndexConfig(kind=kind), 10, tmp_path / "made")
    index.save(tmp_path / "index.faiss")
    # Beside it, never over it: FAISS reads ahead in what it has mapped, and a file cut under it kills the process.
    whole = (tmp_path / "index.faiss").read_bytes()
    (tmp_path / "cut.faiss").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ReleaseError, match="not a whole index"):
        Index.open(tmp_path / "cut.faiss", index.facts.as_dict(), matrix)


def test_a_pair_has_one_cosine_whoever_asks() -> None:
    matrix = clustered(400, dim=256)
    every = np.repeat(np.arange(400)[None], 400, axis=0)
    table = cosines(matrix, every, matrix)
    assert np.array_equal(table, table.T)
    alone = cosines(matrix[7:8], np.array([[399]]), matrix)
    assert alone[0, 0] == table[7, 399]


def test_a_killed_graph_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simrec.index.knn_search.PART", 256)
    index = index_of(clustered(2_000), IndexConfig(kind="ivf_flat"), 10, tmp_path / "made")
    whole = np.array(graph_of(index, 10, tmp_path / "made").packed)
    (tmp_path / "made" / "graph.npy").unlink()
    stages(tmp_path / "made").end()

    search, asked = Index.search, []

    def killed_at_the_fifth_part(self: Index, queries: np.ndarray, k: int) -> np.ndarray:
        asked.append(len(queries))
        if sum(asked) > 4 * 256:
            raise KeyboardInterrupt
        return search(self, queries, k)

    monkeypatch.setattr(Index, "search", killed_at_the_fifth_part)
    with pytest.raises(KeyboardInterrupt):
        graph_of(index, 10, tmp_path / "made")
    assert not (tmp_path / "made" / "graph.npy").exists()
    asked.clear()
    monkeypatch.setattr(
        Index, "search", lambda self, q, k: asked.append(len(q)) or search(self, q, k)
    )
    assert np.array_equal(graph_of(index, 10, tmp_path / "made").packed, whole)
    assert sum(asked) == 2_000 - 4 * 256, "what was done is not done again"


@pytest.mark.parametrize("kind", ["exact", *APPROXIMATE])
def test_groups_find_what_one_index_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Shards of 500 rows are merged to the index that one shard makes; six groups of 500 rows know no less than all.

    Linked rows are not cut into groups: a link leads anywhere.
    """
    matrix = clustered(3_000)
    monkeypatch.setattr("simrec.index.neighbours.ALL_PAIRS_UP_TO", 0)
    monkeypatch.setattr("simrec.index.knn_search.PART", 500)
    config = IndexConfig(kind=kind, recall_target=0.9)  # type: ignore[arg-type]
    one = index_of(matrix, config, 10, tmp_path / "one")
    alone = graph_of(one, 10, tmp_path / "one")
    monkeypatch.setattr("simrec.index.build.SHARD_ROWS", 500)
    several = index_of(matrix, config, 10, tmp_path / "several")
    assert several.facts == one.facts
    graph = graph_of(several, 10, tmp_path / "several", memory_mib=0)
    if kind != "exact":
        assert (tmp_path / "several" / "index.faiss").read_bytes() == (
            tmp_path / "one" / "index.faiss"
        ).read_bytes()
    parts = Counter(path.parent.name for path in (tmp_path / "several" / "parts").glob("*/*"))
    last = parts["neighbours-6-of-6"], parts["neighbours-1-of-1"]
    assert (parts["fill"], *last) == {"exact": (0, 6, 0), "hnsw": (0, 0, 6)}.get(kind, (6, 6, 0))
    truth = oracle(matrix, 10)[0]
    recalls = [
        (found.rows(10)[:, :, None] == truth[:, None]).any(axis=1).mean()
        for found in (alone, graph)
    ]
    assert recalls[1] >= recalls[0] >= (0.99 if kind == "exact" else 0.89)
    if kind in ("exact", "hnsw"):
        assert np.array_equal(graph.packed, alone.packed)


def test_nearest_of_some_rows_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simrec.index.exact.BLOCK_ROWS", 64)
    matrix = clustered(700)
    rows = np.arange(0, 700, 3)
    (packed,) = nearest(3 * matrix[1:2], matrix.astype(np.float16), rows, 15)
    found, scores = packing.rows_of(packed).tolist(), packing.cosines_of(packed).tolist()
    exact = on_disk.unit(matrix.astype(np.float16)) @ matrix[1]
    expected = sorted(rows.tolist(), key=lambda row: (-round(float(exact[row]), 6), row))[:15]
    assert found == expected
    assert scores == pytest.approx([exact[row] for row in expected], abs=1e-5)
    assert nearest(matrix[:1], matrix, rows[:0], 5).shape == (1, 0)


@pytest.mark.parametrize("kind", APPROXIMATE)
@pytest.mark.parametrize("one_in", [2, 10, 100])
def test_a_filter_is_exact_or_nearly_and_never_shortens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, one_in: int
) -> None:
    monkeypatch.setattr("simrec.index.vector_index.LOOKED_THROUGH", 20)
    matrix = clustered(3_000)
    index = index_of(matrix, IndexConfig(kind=kind, recall_target=0.95), 10, tmp_path / "made")
    rows = np.arange(0, 3_000, one_in)
    hits = []
    for asked in range(100):
        found = index.search_filtered(matrix[asked], rows, 10)
        assert len(found) == 10
        assert set(packing.rows_of(found)) <= set(rows.tolist())
        hits.append(
            len(
                set(packing.rows_of(found))
                & set(packing.rows_of(nearest(matrix[asked][None], matrix, rows, 10)[0]))
            )
            / 10
        )
    assert np.mean(hits) >= 0.95
    assert len(index.search_filtered(matrix[0], rows[:3], 10)) == 3
    assert len(index.search_filtered(matrix[0], rows[:0], 10)) == 0


def test_pairs_stop_where_neighbours_do() -> None:
    packed = packing.pack(
        np.array([[0.9, 0.5, 0], [0.9, 0, 0]]), np.array([[1, 2, -1], [0, -1, -1]])
    )
    assert list(pairs(KnnGraph(packed), 2)) == [(0, 1, 1, 0.9), (0, 2, 2, 0.5), (1, 1, 0, 0.9)]


def test_packed_neighbours_are_in_order_of_cosine_then_row() -> None:
    random = np.random.default_rng(3)
    scores, rows = random.uniform(-1.1, 1.1, 5_000).round(2), random.integers(0, 2**32, 5_000)
    packed = np.sort(packing.pack(scores, rows))
    expected = sorted(zip(-np.clip(scores, -1, 1), rows, strict=True))
    assert packing.rows_of(packed).tolist() == [row for _, row in expected]
    assert packing.cosines_of(packed) == pytest.approx([-score for score, _ in expected], abs=1e-6)
    assert packing.rows_of(packing.pack(np.zeros(1), np.array([-1]))).tolist() == [-1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_a_vector_that_is_none_is_refused_by_id(tmp_path: Path, bad: float) -> None:
    matrix = clustered(5).astype(np.float16)
    matrix[3] = bad
    arrays.write_npy(tmp_path / "vectors.npy", [matrix[:2], matrix[2:]], (5, 32))
    with pytest.raises(GateError, match="1 articles have a vector .* the first is 'd'"):
        on_disk.check(tmp_path / "vectors.npy", list("abcde"))


def test_written_vectors_are_read_as_unit_rows(tmp_path: Path) -> None:
    matrix = clustered(100).astype(np.float16)
    arrays.write_npy(tmp_path / "vectors.npy", np.array_split(matrix, 7), matrix.shape)
    assert np.array_equal(np.load(tmp_path / "vectors.npy"), matrix)
    assert np.linalg.norm(
        on_disk.unit_rows(arrays.open_npy(tmp_path / "vectors.npy")), axis=1
    ) == pytest.approx(1, abs=1e-6)
