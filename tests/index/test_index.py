"""Every index against exact search with NumPy: rows, scores, order, ties."""

from pathlib import Path

import numpy as np
import pytest

from simrec.config import IndexConfig
from simrec.errors import GateError, ReleaseError
from simrec.index import vectors as on_disk
from simrec.index.exact import nearest
from simrec.index.neighbours import Neighbours, neighbours, pairs
from simrec.index.search import Index


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


@pytest.mark.parametrize("rows", [1, 2, 3, 30, 700])
def test_exact_neighbours_are_the_oracles(rows: int) -> None:
    matrix = clustered(rows)
    found = neighbours(Index.build(matrix, IndexConfig(), 10), matrix, 10)
    expected_rows, expected_scores = oracle(matrix, 10)
    kept = min(10, rows - 1)
    assert np.abs(found.scores[:, :kept] - expected_scores[:, :kept]).max(initial=0) < 2e-6
    differs = found.rows[:, :kept] != expected_rows[:, :kept]
    swapped = np.abs(found.scores[:, :kept] - expected_scores[:, :kept]) < 2e-6
    assert (~differs | swapped).all()
    assert differs.sum() <= 0.01 * differs.size
    assert (found.rows[:, kept:] == -1).all()
    assert (found.scores[:, kept:] == 0).all()
    assert not (found.rows == np.arange(rows)[:, None]).any()


def test_ties_are_broken_by_row() -> None:
    matrix = np.repeat(clustered(4, clusters=4), 5, axis=0)
    found = neighbours(Index.build(matrix, IndexConfig(), 4), matrix, 4)
    for row in range(20):
        block = row // 5 * 5
        assert found.rows[row].tolist() == [other for other in range(block, block + 5) if other != row]
    assert (found.scores == 1).all()


def test_inverted_lists_reach_the_recall_they_report() -> None:
    matrix = clustered(6_000)
    index = Index.build(matrix, IndexConfig(kind="ivf", recall_target=0.95), 10)
    facts = index.facts
    assert (facts.kind, facts.recall_k, facts.recall_queries) == ("ivf", 10, 200)
    assert 1 <= facts.nprobe < facts.lists
    found = neighbours(index, matrix, 10)
    truth, scores = oracle(matrix, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.rows, truth, strict=True)])
    assert facts.recall >= 0.95
    assert recall == pytest.approx(facts.recall, abs=0.03)
    same = found.rows == truth
    assert np.abs(found.scores[same] - scores[same]).max() < 2e-6


def test_auto_is_exact_until_it_is_too_many() -> None:
    matrix = clustered(1_000)
    assert Index.build(matrix, IndexConfig(exact_up_to=1_000), 10).facts.kind == "exact"
    assert Index.build(matrix, IndexConfig(exact_up_to=999), 10).facts.kind == "ivf"


@pytest.mark.parametrize("kind", ["exact", "ivf"])
def test_a_saved_index_answers_as_before(tmp_path: Path, kind: str) -> None:
    matrix = clustered(1_000)
    index = Index.build(matrix, IndexConfig(kind=kind), 10)
    index.save(tmp_path / "index.faiss")
    opened = Index.open(tmp_path / "index.faiss", index.facts.as_dict())
    assert np.array_equal(opened.search(matrix[:50], 10), index.search(matrix[:50], 10))
    with pytest.raises(ReleaseError, match="its manifest says otherwise"):
        Index.open(tmp_path / "index.faiss", {**index.facts.as_dict(), "rows": 999})


@pytest.mark.parametrize("kind", ["exact", "ivf"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_cut_index_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    index = Index.build(clustered(1_000), IndexConfig(kind=kind), 10)
    index.save(tmp_path / "index.faiss")
    # Beside it, never over it: FAISS reads ahead in what it has mapped, and a file cut under it kills the process.
    whole = (tmp_path / "index.faiss").read_bytes()
    (tmp_path / "cut.faiss").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ReleaseError, match="not a whole index"):
        Index.open(tmp_path / "cut.faiss", index.facts.as_dict())


def test_nearest_of_some_rows_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simrec.index.exact.BLOCK_ROWS", 64)
    matrix = clustered(700)
    rows = np.arange(0, 700, 3)
    found, scores = nearest(3 * matrix[1], matrix.astype(np.float16), rows, 15)
    exact = on_disk.unit(matrix.astype(np.float16)) @ matrix[1]
    expected = sorted(rows.tolist(), key=lambda row: (-round(float(exact[row]), 6), row))[:15]
    assert found == expected
    assert scores == pytest.approx([exact[row] for row in expected], abs=1e-5)
    assert nearest(matrix[0], matrix, rows[:0], 5) == ([], [])


def test_pairs_stop_where_neighbours_do() -> None:
    graph = Neighbours(np.array([[1, 2, -1], [0, -1, -1]]), np.array([[0.9, 0.5, 0], [0.9, 0, 0]]))
    assert list(pairs(graph, 2)) == [(0, 1, 1, 0.9), (0, 2, 2, 0.5), (1, 1, 0, 0.9)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_a_vector_that_is_none_is_refused_by_id(tmp_path: Path, bad: float) -> None:
    matrix = clustered(5).astype(np.float16)
    matrix[3] = bad
    on_disk.write(tmp_path / "vectors.npy", [matrix[:2], matrix[2:]], (5, 32))
    with pytest.raises(GateError, match="1 articles have a vector .* the first is 'd'"):
        on_disk.check(tmp_path / "vectors.npy", list("abcde"))


def test_written_vectors_are_read_as_unit_rows(tmp_path: Path) -> None:
    matrix = clustered(100).astype(np.float16)
    on_disk.write(tmp_path / "vectors.npy", np.array_split(matrix, 7), matrix.shape)
    assert np.array_equal(np.load(tmp_path / "vectors.npy"), matrix)
    assert np.linalg.norm(on_disk.read_unit(tmp_path / "vectors.npy"), axis=1) == pytest.approx(1, abs=1e-6)
