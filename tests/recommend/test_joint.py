"""The joint score of meaning and words, through the nightly job and the command line."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simrec.index.knn_graph import KnnGraph
from simrec.lexical.term_vectors import TermVectors, unpack
from simrec.lexical.tfidf import TfIdf
from tests.conftest import CONFIG, House, new_house, speeches

ARTICLES = {speech["id"]: speech for speech in speeches()}
IDS = sorted(ARTICLES)
SEED = "1861-Lincoln-1/13"
CANDIDATES, TABLE = 20, 10


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose release was scored with a third of the words. Do not change it."""
    house = new_house(tmp_path_factory.mktemp("joint"))
    (house.folder / "config.toml").write_text(
        CONFIG.replace("lexical_weight = 0", "lexical_weight = 0.3")
    )
    ran = house.job("retrain")
    assert ran.code == 0, ran.err
    return house


def release(house: House) -> Path:
    return house.workspace / "releases" / house.current


def oracle(
    house: House, query: np.ndarray, text: str, keep: list[int], n: int
) -> list[tuple[str, float]]:
    """The nearest by cosine, then in order of the joint score, from the texts themselves."""
    stored = np.load(release(house) / "vectors.npy").astype(np.float32)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    cosines = (stored @ (query / np.linalg.norm(query))).round(6)
    nearest = sorted(keep, key=lambda row: (-cosines[row], row))[: max(n, CANDIDATES)]
    lexical = TfIdf.open(release(house) / "lexical.npz")
    terms = lexical.encode([text, *(speech_text(row) for row in nearest)])
    scores = (
        0.7 * cosines[nearest]
        + 0.3 * TermVectors(terms[1:]).cosines(terms[:1], np.arange(len(nearest))[None])[0]
    )
    best = sorted(
        zip(nearest, scores, strict=True), key=lambda pair: (-round(float(pair[1]), 6), pair[0])
    )[:n]
    return [(IDS[row], float(score)) for row, score in best]


def speech_text(row: int) -> str:
    return ARTICLES[IDS[row]]["text"]


@pytest.mark.parametrize(
    "options", [[], ["--since", "1000"], ["-n", "30"], ["--category", "Republican"]]
)
def test_similar_articles_are_ranked_by_meaning_and_words(house: House, options: list[str]) -> None:
    row = IDS.index(SEED)
    keep = [
        other
        for other in range(len(IDS))
        if other != row
        and ("--category" not in options or ARTICLES[IDS[other]]["category"] == "Republican")
    ]
    n = 30 if "-n" in options else 10
    query = np.load(release(house) / "vectors.npy")[row].astype(np.float32)
    expected = oracle(house, query, speech_text(row), keep, n)
    rows = house.simrec("similar", SEED, *options, "--json").rows
    assert [hit["id"] for hit in rows] == [article_id for article_id, _ in expected]
    assert [hit["score"] for hit in rows] == pytest.approx(
        [score for _, score in expected], abs=3e-6
    )


def test_a_text_is_ranked_as_the_article_it_is(house: House) -> None:
    by_text = house.simrec("similar", "--text", ARTICLES[SEED]["text"], "-n", 9, "--json").rows
    by_id = house.simrec("similar", SEED, "-n", 8, "--json").rows
    assert (by_text[0]["id"], by_text[0]["score"] > 0.99) == (SEED, True)
    assert len({hit["id"] for hit in by_text[1:]} & {hit["id"] for hit in by_id}) >= 7


def test_words_change_the_order_and_only_that(house: House) -> None:
    graph = KnnGraph.open(release(house) / "graph.npy")
    nearest = graph.take(np.array([IDS.index(SEED)]), CANDIDATES).rows[0]
    candidates = {IDS[row] for row in nearest}
    listed = [hit["id"] for hit in house.simrec("similar", SEED, "--json").rows]
    assert set(listed) <= candidates
    assert listed != [IDS[row] for row in nearest[:TABLE]]


def test_a_night_of_changes_gives_the_tables_of_one_from_scratch(
    house: House, tmp_path: Path
) -> None:
    shutil.copytree(house.folder, tmp_path / "house")
    changed = House(tmp_path / "house")
    new = {"id": "new", "text": f"Once more. {ARTICLES[SEED]['text']}"}
    changed.write_articles([*changed.articles[1:], new])
    assert changed.job().code == 0
    assert changed.simrec("similar", "new", "--json").rows[0]["id"] == SEED
    tables = {
        name: (release(changed) / name).read_bytes()
        for name in ("items.db", "similar_articles.parquet")
    }
    shutil.rmtree(changed.workspace / "releases")
    (changed.workspace / "releases").mkdir()
    (changed.workspace / "CURRENT").unlink()
    assert changed.job().code == 0
    assert {name: (release(changed) / name).read_bytes() for name in tables} == tables


def test_auto_asks_held_out_articles_for_the_share(house: House, tmp_path: Path) -> None:
    shutil.copytree(house.folder, tmp_path / "house")
    auto = House(tmp_path / "house")
    (auto.folder / "config.toml").write_text(
        CONFIG.replace("lexical_weight = 0", 'lexical_weight = "auto"')
    )
    shutil.rmtree(auto.workspace / "lexical")
    ran = auto.job()
    assert (ran.code, "as held-out articles ask for" in ran.err) == (0, True), ran.err
    chosen = TfIdf.open(next((auto.workspace / "lexical").glob("*.npz"))).weight
    assert TfIdf.open(release(auto) / "lexical.npz").weight == chosen


def test_what_words_weigh_stays_until_the_corpus_has_doubled(house: House, tmp_path: Path) -> None:
    shutil.copytree(house.folder, tmp_path / "house")
    grown = House(tmp_path / "house")
    (weights,) = (grown.workspace / "lexical").glob("*.npz")
    before = weights.read_bytes()
    grown.write_articles(
        [*grown.articles, {"id": "new", "text": "Entirely other words, never said before."}]
    )
    assert grown.job().code == 0
    assert weights.read_bytes() == before
    more = [
        {**article, "id": f"again/{article['id']}", "text": f"Again. {article['text']}"}
        for article in grown.articles
    ]
    grown.write_articles([*grown.articles, *more])
    assert grown.job().code == 0
    assert weights.read_bytes() != before
    assert TfIdf.open(release(grown) / "lexical.npz").n_texts == 2 * 401


def test_no_words_no_files(published: House) -> None:
    assert not list((published.workspace / "releases").glob("*/terms.npy"))
    assert not (published.workspace / "lexical").exists()


def test_housekeeping_compacts_the_words_as_well(house: House, tmp_path: Path) -> None:
    shutil.copytree(house.folder, tmp_path / "house")
    used = House(tmp_path / "house")
    new = {"id": "new", "text": f"Once more. {ARTICLES[SEED]['text']}"}
    used.write_articles([*used.articles, new])
    assert used.job().code == 0
    before = used.simrec("similar", "new", "-n", 19, "--json").out
    assert len(list((used.workspace / "embeddings").glob("tfidf-*/*.npz"))) == 8
    assert used.job("housekeeping").code == 0
    assert len(list((used.workspace / "embeddings").glob("tfidf-*/*.npz"))) == 7
    assert used.simrec("similar", "new", "-n", 19, "--json").out == before
    used.write_articles([*used.articles[:-1], {**new, "text": "Other words."}])
    assert used.job().code == 0


def account_oracle(house: House) -> dict[tuple[str, str], float]:
    """The joint score of all pairs of accounts, with dictionaries and loops."""
    stored = np.load(release(house) / "vectors.npy").astype(np.float64)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    names = sorted({article["account"] for article in ARTICLES.values()})
    of_name = {
        name: [row for row, one in enumerate(IDS) if ARTICLES[one]["account"] == name]
        for name in names
    }
    means = np.stack([stored[rows].mean(axis=0) for rows in of_name.values()])
    means -= means.mean(axis=0)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    features, weights = unpack(np.load(release(house) / "terms.npy"))
    weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1)
    sums: dict[str, dict[int, float]] = {}
    for name, rows in of_name.items():
        sums[name] = {}
        for feature, weight in zip(
            features[rows].ravel().tolist(), weights[rows].ravel().tolist(), strict=True
        ):
            if weight:
                sums[name][feature] = sums[name].get(feature, 0) + weight
    using = Counter(feature for words in sums.values() for feature in words)
    profiles = {}
    for name, words in sums.items():
        weighed = {
            f: w**0.5 * np.log(len(names) / using[f])
            for f, w in words.items()
            if using[f] < len(names)
        }
        best = dict(sorted(weighed.items(), key=lambda item: (-item[1], item[0]))[:512])
        norm = sum(w * w for w in best.values()) ** 0.5
        profiles[name] = {f: w / norm for f, w in best.items()}

    def words_cosine(a: str, b: str) -> float:
        return float(sum(w * profiles[b].get(f, 0) for f, w in profiles[a].items()))

    near = means @ means.T
    return {
        (a, b): 0.2 * near[i, j] + 0.8 * words_cosine(a, b)
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i != j
    }


def test_similar_accounts_are_ranked_by_meaning_and_by_the_words_that_tell_them_apart(
    house: House,
) -> None:
    expected = account_oracle(house)
    for name in ("Abraham Lincoln", "George Washington"):
        rows = house.simrec("accounts", name, "-n", 9, "--json").rows
        scores = {other: score for (one, other), score in expected.items() if one == name}
        assert [row["score"] for row in rows] == pytest.approx(
            sorted(scores.values(), reverse=True), abs=2e-3
        )
        assert [row["score"] for row in rows] == pytest.approx(
            [scores[row["id"]] for row in rows], abs=2e-3
        )
