"""Every index against exact search with NumPy: rows, scores, order, ties."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simrec.arrays import open_npy, write_npy
from simrec.config import IndexConfig
from simrec.errors import GateError, ReleaseError
from simrec.index import faiss_kinds, packing
from simrec.index import vectors as on_disk
from simrec.index.exact import exact_cosines, nearest
from simrec.index.index_facts import CurvePoint
from simrec.index.knn_graph import KnnGraph, build_knn_graph
from simrec.index.knn_search import rows_per_slice
from simrec.index.neighbours import Neighbours
from simrec.index.tuning import with_measured_recall
from simrec.index.vector_index import VectorIndex
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages, count_parts
from tests.index.made import graph_of, index_of, killed, stages


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
        [getattr(point, name) for point in facts.curve] for name in ("effort", "compared", "recall")
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
    assert [point.recall for point in facts.curve if point.effort == facts.effort] == [facts.recall]
    judged = with_measured_recall(index, 10)
    assert np.array_equal(judged.search(matrix[:300], 10).rows, found.rows), (
        "it searches with the effort that was chosen"
    )


def test_the_curve_of_lists_is_what_a_recount_finds(tmp_path: Path) -> None:
    matrix = clustered(6_000, clusters=2)
    index = index_of(matrix, IndexConfig(kind="ivf_flat", recall_target=0.95), 10, tmp_path)
    centres = index.faiss_index.quantizer.reconstruct_n(0, index.facts.lists)
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
        np.put_along_axis(looked_at, nearest_lists[:, : point.effort], True, axis=1)
        rows = looked_at[:, list_of]
        assert point.compared == pytest.approx(rows.mean(), abs=1e-5)
        assert point.recall == pytest.approx(
            np.minimum((near & rows).sum(axis=1), 10).mean() / 10, abs=1e-4
        )


def test_exact_search_has_a_curve_of_one_point(tmp_path: Path) -> None:
    index = index_of(clustered(100), IndexConfig(), 10, tmp_path)
    more = index.updated(np.arange(100), clustered(101), np.array([100]))
    everything = CurvePoint(effort=0, compared=1.0, recall=1.0)
    assert index.facts.curve == more.facts.curve == (everything,)
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


def test_auto_holds_whole_vectors_where_codes_are_too_coarse(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half are so alike that their codes are equal: only whole vectors tell who is nearest."""
    random = np.random.default_rng(4)
    alike = random.normal(size=(2, 1, 32)) + 0.03 * random.normal(size=(2, 400, 32))
    nearly_alike = on_disk.unit(np.concatenate([*alike, random.normal(size=(800, 32))]))
    auto = IndexConfig(exact_max_rows=500)
    index = index_of(nearly_alike, auto, 10, tmp_path / "auto")
    assert (index.facts.kind, index.facts.recall >= auto.recall_target) == ("ivf_flat", True)
    assert "codes of 4 bits reach a recall of" in caplog.text
    by_name = IndexConfig(kind="ivf_pq")
    codes = index_of(nearly_alike, by_name, 10, tmp_path / "codes")
    assert (codes.facts.kind, codes.facts.recall < auto.recall_target) == ("ivf_pq", True)
    small = IndexConfig(exact_max_rows=500, memory_mib=0.3)  # whole vectors take .4 MiB
    assert index_of(nearly_alike, small, 10, tmp_path / "small").facts.kind == "ivf_pq"


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_a_saved_index_answers_as_before(tmp_path: Path, kind: str) -> None:
    matrix = clustered(1_000)
    index = index_of(matrix, IndexConfig(kind=kind), 10, tmp_path / "made")
    index.save(tmp_path / "index.faiss")
    opened = VectorIndex.open(tmp_path / "index.faiss", index.facts, matrix)
    found, before = opened.search(matrix[:50], 10), index.search(matrix[:50], 10)
    assert np.array_equal(found.rows, before.rows)
    assert np.array_equal(found.scores, before.scores)
    nearest_rows = opened.slice(0, 1_000).search(matrix[:99], 10).rows[:, 0]
    assert np.array_equal(nearest_rows, same_first(matrix, 99))
    with pytest.raises(ReleaseError, match="the stored vectors are"):
        VectorIndex.open(tmp_path / "index.faiss", replace(index.facts, rows=999), matrix)
    with pytest.raises(ReleaseError, match="its manifest says otherwise"):
        VectorIndex.open(tmp_path / "index.faiss", replace(index.facts, rows=999), matrix[:999])


def same_first(matrix: np.ndarray, rows: int) -> np.ndarray:
    """The row nearest to each of the first rows: itself, or an equal one before it."""
    return (matrix[:rows] @ matrix.T).round(6).argmax(axis=1)


@pytest.mark.parametrize("kind", ["ivf_flat", "ivf_pq"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_cut_index_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    matrix = clustered(1_000)
    index = index_of(matrix, IndexConfig(kind=kind), 10, tmp_path / "made")
    index.save(tmp_path / "index.faiss")
    # Beside it, never over it: a file cut under a mapping of FAISS kills the process.
    whole = (tmp_path / "index.faiss").read_bytes()
    (tmp_path / "cut.faiss").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ReleaseError, match="not a whole index"):
        VectorIndex.open(tmp_path / "cut.faiss", index.facts, matrix)


def test_a_pair_has_one_cosine_whoever_asks() -> None:
    matrix = clustered(400, dim=256)
    every = np.repeat(np.arange(400)[None], 400, axis=0)
    table = exact_cosines(matrix, every, matrix)
    assert np.array_equal(table, table.T)
    alone = exact_cosines(matrix[7:8], np.array([[399]]), matrix)
    assert alone[0, 0] == table[7, 399]


def test_a_killed_graph_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed within each of two slices; a slice searches no part again that it has written."""
    index = index_of(clustered(2_000), IndexConfig(kind="ivf_flat"), 10, tmp_path / "made")
    memory_mib = 0.5  # slices of 1,092 rows
    whole = graph_of(index, 10, tmp_path / "made", memory_mib, max_part_rows=256)
    packed = np.array(whole.packed)
    (tmp_path / "made" / "graph.npy").unlink()
    stages(tmp_path / "made").end()

    ran: list[str] = []
    for killed_after in (3, 10):  # eight parts a slice
        folder = tmp_path / "made"
        dying = Stages(killed(ran, killed_after), folder / "parts", "a test", max_part_rows=256)
        with pytest.raises(KeyboardInterrupt):
            build_knn_graph(index, ReleaseFolder(folder), 10, dying, memory_mib)
        assert not (folder / "graph.npy").exists()
    surviving = Stages(killed(ran, 99), folder / "parts", "a test", max_part_rows=256)
    graph = build_knn_graph(index, ReleaseFolder(folder), 10, surviving, memory_mib)
    assert np.array_equal(graph.packed, packed)
    expected = [f"neighbours-{part}-of-2/{n:05d}" for part in (1, 2) for n in range(8)]
    assert ran == expected, "what was done is not done again"


@pytest.mark.parametrize("kind", ["exact", *APPROXIMATE])
def test_slices_find_what_one_index_finds(tmp_path: Path, kind: str) -> None:
    """Six shards merge to the index that one shard makes; six slices find no less than the whole.

    HNSW is not sliced: a link leads anywhere.
    """
    matrix = clustered(3_000)
    config = IndexConfig(kind=kind, recall_target=0.9)  # type: ignore[arg-type]
    one = index_of(matrix, config, 10, tmp_path / "one")
    alone = graph_of(one, 10, tmp_path / "one", max_part_rows=500, max_all_pairs_rows=0)
    several = index_of(matrix, config, 10, tmp_path / "several", max_part_rows=500)
    assert several.facts == one.facts
    memory_mib = 0.229  # slices of 500 rows
    assert rows_per_slice(32, memory_mib) == 500
    graph = graph_of(several, 10, tmp_path / "several", memory_mib, 500, max_all_pairs_rows=0)
    if kind != "exact":
        assert (tmp_path / "several" / "index.faiss").read_bytes() == (
            tmp_path / "one" / "index.faiss"
        ).read_bytes()
    there = tmp_path / "several" / "parts"
    counts = [
        count_parts(there, name) for name in ("add", "neighbours-6-of-6", "neighbours-1-of-1")
    ]
    assert counts == {"exact": [0, 6, 0], "hnsw": [0, 0, 6]}.get(kind, [6, 6, 0])
    truth = oracle(matrix, 10)[0]
    recalls = []
    for found in (alone, graph):
        rows = found.between(0, 3_000, 10).rows
        recalls.append((rows[:, :, None] == truth[:, None]).any(axis=1).mean())
    assert recalls[1] >= recalls[0] >= (0.99 if kind == "exact" else 0.89)
    if kind in ("exact", "hnsw"):
        assert np.array_equal(graph.packed, alone.packed)


def test_nearest_of_some_rows_in_blocks() -> None:
    matrix = clustered(700)
    rows = np.arange(0, 700, 3)
    stored = matrix.astype(np.float16)
    found = nearest(3 * matrix[1:2], stored, rows, 15, block_rows=64)
    exact = on_disk.unit(matrix.astype(np.float16)) @ matrix[1]
    expected = sorted(rows.tolist(), key=lambda row: (-round(float(exact[row]), 6), row))[:15]
    assert found.rows.tolist() == [expected]
    assert found.scores[0] == pytest.approx([exact[row] for row in expected], abs=1e-5)
    assert nearest(matrix[:1], matrix, rows[:0], 5).rows.shape == (1, 0)


@pytest.mark.parametrize("kind", APPROXIMATE)
@pytest.mark.parametrize("one_in", [2, 10, 100])
def test_a_filter_is_exact_or_nearly_and_never_shortens(
    tmp_path: Path, kind: str, one_in: int
) -> None:
    matrix = clustered(3_000)
    index = index_of(matrix, IndexConfig(kind=kind, recall_target=0.95), 10, tmp_path / "made")
    rows = np.arange(0, 3_000, one_in)
    hits = []
    for asked in range(100):
        (found,) = index.search_filtered(matrix[asked], rows, 10, scan_rows=20).rows
        assert len(found) == 10
        assert set(found) <= set(rows.tolist())
        (exact,) = nearest(matrix[asked][None], matrix, rows, 10).rows
        hits.append(len(set(found) & set(exact)) / 10)
    assert np.mean(hits) >= 0.95
    assert index.search_filtered(matrix[0], rows[:3], 10, scan_rows=20).rows.shape == (1, 3)
    assert index.search_filtered(matrix[0], rows[:0], 10, scan_rows=20).rows.shape == (1, 0)


def test_a_graph_gives_the_neighbours_of_rows_and_blocks() -> None:
    rows = np.array([[1, 2, -1], [0, -1, -1], [1, 0, 3], [2, 0, 1]])
    cosines = np.array([[0.9, 0.5, 0], [0.9, 0, 0], [0.7, 0.5, 0.1], [0.6, 0.4, 0.2]])
    graph = KnnGraph(packing.pack(cosines, rows))
    assert (len(graph), graph.width) == (4, 3)
    blocks = list(graph.blocks(2, block_rows=3))
    assert [block.rows.tolist() for block in blocks] == [[[1, 2], [0, -1], [1, 0]], [[2, 0]]]
    assert blocks[0].scores == pytest.approx(np.array([[0.9, 0.5], [0.9, 0], [0.7, 0.5]]))
    assert graph.take(np.array([3, 1]), 1).rows.tolist() == [[2], [0]]
    assert graph.between(1, 3, 3).rows.tolist() == [[0, -1, -1], [1, 0, 3]]


def test_ranked_neighbours_are_cut_and_end_with_none() -> None:
    rows = np.array([[5, -1, 3, 9], [4, 8, -1, 2]])
    scores = np.array([[0.5, 0.9, 0.5000004, 0.7], [-2.0, 0.1, 0.9, 1.5]])
    found = Neighbours.ranked(rows, scores, 3)
    assert found.rows.tolist() == [[9, 3, 5], [2, 8, 4]]
    assert found.scores == pytest.approx(np.array([[0.7, 0.5, 0.5], [1, 0.1, -1]]), abs=1e-7)
    assert Neighbours.ranked(rows, scores).rows[:, 3].tolist() == [-1, -1]
    assert found.first(1).rows.tolist() == [[9], [2]]


def test_what_does_not_fit_a_packed_number_is_refused() -> None:
    """A query beyond the last one would be taken for another, and silently get its neighbours."""
    packed = packing.pack(np.array([0.5, 0.25]), np.array([2**32 - 1, 7]))
    last = packing.MAX_QUERIES - 1
    owned = packing.with_query(np.array([last, 0]), packed)
    assert packing.query_of(owned).tolist() == [last, 0]
    assert packing.rows_of(packing.as_table(np.sort(owned), last + 1, 1))[
        [0, last], 0
    ].tolist() == [
        7,
        2**32 - 1,
    ]
    with pytest.raises(ValueError, match="query 2048 cannot be packed: queries end at 2047"):
        packing.with_query(np.array([0, 2048]), packed)
    with pytest.raises(ValueError, match="query -1 cannot be packed"):
        packing.with_query(np.array([-1, 0]), packed)
    with pytest.raises(ValueError, match="NONE"):
        packing.with_query(np.array([1]), np.array([packing.NONE]))
    with pytest.raises(ValueError, match="row 4294967296 cannot be packed"):
        packing.pack(np.array([0.5]), np.array([2**32]))


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
    write_npy(tmp_path / "vectors.npy", [matrix[:2], matrix[2:]], (5, 32))
    with pytest.raises(GateError, match="1 articles have a vector .* the first is 'd'"):
        on_disk.check(tmp_path / "vectors.npy", list("abcde"))


def test_written_vectors_are_read_as_unit_rows(tmp_path: Path) -> None:
    matrix = clustered(100).astype(np.float16)
    write_npy(tmp_path / "vectors.npy", np.array_split(matrix, 7), matrix.shape)
    assert np.array_equal(np.load(tmp_path / "vectors.npy"), matrix)
    assert np.linalg.norm(
        on_disk.unit_rows(open_npy(tmp_path / "vectors.npy")), axis=1
    ) == pytest.approx(1, abs=1e-6)
