"""Candidates by vectors and by words: what is published is what the score knows best."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from simrec.lexical.term_vectors import unpack
from tests.conftest import CONFIG, House, nightly_house, speeches

WEIGHT = 0.7
PLACES = 10


@pytest.fixture(scope="module")
def house(published: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house in whose scores words have most weight, and smoothing half. Do not change it."""
    return _nightly(published, tmp_path_factory.mktemp("candidates"), smoothing=0.5)


def _nightly(published: House, folder: Path, smoothing: float) -> House:
    config = CONFIG.replace("lexical_weight = 0", f"lexical_weight = {WEIGHT}")
    config = config.replace("smoothing = 0", f"smoothing = {smoothing}")
    config = config.replace("candidates = 20", "candidates = 60") + "[ingest]\nsync = true\n"
    return nightly_house(published, folder, config)


def _release(house: House) -> Path:
    return house.workspace / "releases" / house.current


def _scores(house: House, vectors: str, terms: str) -> NDArray[np.float64]:
    """All pairs of articles, scored with float64 from dense matrices of words."""
    dense = np.load(_release(house) / vectors).astype(np.float64)
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    ids, weights = unpack(np.load(_release(house) / terms))
    columns = {term: column for column, term in enumerate(np.unique(ids).tolist())}
    words = np.zeros((len(ids), len(columns)))
    for row, (row_ids, row_weights) in enumerate(zip(ids.tolist(), weights, strict=True)):
        for term, weight in zip(row_ids, row_weights, strict=True):
            words[row, columns[term]] += weight if weight else 0.0
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    return (1 - WEIGHT) * dense @ dense.T + WEIGHT * words @ words.T


def _oracle(house: House) -> NDArray[np.float64]:
    raw = _scores(house, "vectors.npy", "terms.npy")
    smoothed = _scores(house, "smoothed_vectors.npy", "smoothed_terms.npy")
    scores = (raw + smoothed) / 2
    np.fill_diagonal(scores, -1)
    return scores


def test_the_lists_are_the_articles_of_highest_score_of_all(house: House) -> None:
    scores = _oracle(house)
    ids = sorted(speech["id"] for speech in speeches())
    found = 0
    for row in range(0, len(ids), 19):
        hits = house.simrec("similar", ids[row], "-n", str(PLACES), "--no-rules", "--json").rows
        true = np.sort(scores[row])[::-1][:PLACES]
        for hit, _ in zip(hits, true, strict=True):
            assert hit["score"] == pytest.approx(scores[row, ids.index(hit["id"])], abs=5e-6)
            found += hit["score"] >= true[-1] - 5e-6
    asked = len(range(0, len(ids), 19))
    assert found / (PLACES * asked) > 0.99
    manifest = json.loads((_release(house) / "manifest.json").read_bytes())
    assert manifest["candidates"]["recall"] == pytest.approx(found / (PLACES * asked), abs=0.01)
    assert manifest["candidates"]["low"] <= manifest["candidates"]["recall"]
    assert "of highest score are found" in house.simrec("status").out


def test_smoothed_vectors_are_the_average_with_the_nearest(house: House) -> None:
    raw = _scores(house, "vectors.npy", "terms.npy")
    np.fill_diagonal(raw, -1)
    vectors = np.load(_release(house) / "vectors.npy").astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    smoothed = np.load(_release(house) / "smoothed_vectors.npy").astype(np.float64)
    exact = 0
    for row in range(len(raw)):
        nearest = np.argsort(-raw[row])[:20]
        average = vectors[row] + 0.3 * raw[row, nearest] @ vectors[nearest]
        average /= np.linalg.norm(average)
        exact += bool(np.abs(average - smoothed[row]).max() < 2e-3)
    assert exact > 0.98 * len(raw)  # of few the twentieth is not among the candidates


def test_a_text_and_an_article_of_the_same_words_find_each_other(house: House) -> None:
    article = next(speech for speech in speeches() if speech["id"] == "1861-Lincoln-1/13")
    hits = house.simrec("similar", "--text", article["text"], "--no-rules", "--json").rows
    assert hits[0]["id"] == article["id"]


def test_what_only_words_find_is_found_under_a_filter(house: House) -> None:
    """Filters leave the candidates that words find, too."""
    ids = sorted(speech["id"] for speech in speeches())
    row = ids.index("1861-Lincoln-1/13")
    category = {speech["id"]: speech["category"] for speech in speeches()}
    allowed = [other for other, name in enumerate(ids) if category[name] == "Republican"]
    scores = _oracle(house)[row, allowed]
    best = [ids[allowed[place]] for place in np.argsort(-scores)[:5]]
    hits = house.simrec(
        "similar", ids[row], "-n", "5", "--category", "Republican", "--no-rules", "--json"
    ).rows
    assert [hit["id"] for hit in hits] == best


def test_a_night_of_changes_is_the_same_as_from_scratch(house: House, tmp_path: Path) -> None:
    """Words, their graph, smoothing and lists: to the byte, but for spare columns of graphs."""
    changed = [dict(article) for article in house.articles]
    for number in (3, 40, 41):
        changed[number]["text"] = changed[number + 60]["text"] + " Said again, in other words."
    del changed[10:13]
    added = {**changed[5], "id": "new", "text": changed[70]["text"] + changed[5]["text"]}
    night = House(_copy(house, tmp_path / "night"))
    night.write_articles([*changed, added])
    ran = night.job()
    assert ran.code == 0, ran.err
    assert "of words, 4 new rows and 6 gone" in night.last_steps()["index"]["what"]
    scratch = House(_copy(night, tmp_path / "scratch"))
    (scratch.workspace / "CURRENT").unlink()
    for release in (scratch.workspace / "releases").iterdir():
        release.rename(scratch.folder / release.name)
    ran = scratch.job()
    assert ran.code == 0, ran.err
    assert "of words, from scratch" in scratch.last_steps()["index"]["what"]
    assert scratch.current == night.current
    for name in ("items.db", "similar_articles.parquet", "smoothed_vectors.npy",
                 "smoothed_terms.npy", "postings.npy", "candidate_recall.json"):  # fmt: skip
        assert (_release(night) / name).read_bytes() == (_release(scratch) / name).read_bytes()
    for graph in ("graph.npy", "word_graph.npy"):
        width = np.load(_release(night) / graph).shape[1] - 28
        lists = [np.load(_release(of) / graph)[:, :width] for of in (night, scratch)]
        assert (lists[0] == lists[1]).all()


def _copy(house: House, folder: Path) -> Path:
    from tests.jobs.disturbed import copy

    return copy(house, folder).folder
