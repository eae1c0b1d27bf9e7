"""The joint score of meaning and words, through the nightly job and the command line."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from simrec.encoder.lexical import Lexical, Terms
from simrec.index import ranked
from tests.conftest import CONFIG, House, new_house, speeches

ARTICLES = {speech["id"]: speech for speech in speeches()}
IDS = sorted(ARTICLES)
SEED = "1861-Lincoln-1/13"
CANDIDATES, TABLE = 20, 10


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose release was scored with a third of the words. Do not change it."""
    house = new_house(tmp_path_factory.mktemp("joint"))
    (house.folder / "config.toml").write_text(CONFIG.replace("lexical_weight = 0", "lexical_weight = 0.3"))
    ran = house.job("retrain")
    assert ran.code == 0, ran.err
    return house


def release(house: House) -> Path:
    return house.workspace / "releases" / house.current


def oracle(house: House, query: np.ndarray, text: str, keep: list[int], n: int) -> list[tuple[str, float]]:
    """The nearest by cosine, then in order of the joint score, from the texts themselves."""
    stored = np.load(release(house) / "vectors.npy").astype(np.float32)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    cosines = (stored @ (query / np.linalg.norm(query))).round(6)
    nearest = sorted(keep, key=lambda row: (-cosines[row], row))[: max(n, CANDIDATES)]
    lexical = Lexical.open(release(house) / "lexical.npz")
    terms = lexical.terms([text, *(speech_text(row) for row in nearest)])
    scores = 0.7 * cosines[nearest] + 0.3 * Terms().cosines(terms[0], terms[1:])
    best = sorted(zip(nearest, scores, strict=True), key=lambda pair: (-round(float(pair[1]), 6), pair[0]))[:n]
    return [(IDS[row], float(score)) for row, score in best]


def speech_text(row: int) -> str:
    return ARTICLES[IDS[row]]["text"]


@pytest.mark.parametrize("options", [[], ["--since", "1000"], ["-n", "30"], ["--category", "Republican"]])
def test_similar_articles_are_ranked_by_meaning_and_words(house: House, options: list[str]) -> None:
    row = IDS.index(SEED)
    keep = [
        other
        for other in range(len(IDS))
        if other != row and ("--category" not in options or ARTICLES[IDS[other]]["category"] == "Republican")
    ]
    n = 30 if "-n" in options else 10
    query = np.load(release(house) / "vectors.npy")[row].astype(np.float32)
    expected = oracle(house, query, speech_text(row), keep, n)
    rows = house.simrec("similar", SEED, *options, "--json").rows
    assert [hit["id"] for hit in rows] == [article_id for article_id, _ in expected]
    assert [hit["score"] for hit in rows] == pytest.approx([score for _, score in expected], abs=3e-6)


def test_a_text_is_ranked_as_the_article_it_is(house: House) -> None:
    by_text = house.simrec("similar", "--text", ARTICLES[SEED]["text"], "-n", 9, "--json").rows
    by_id = house.simrec("similar", SEED, "-n", 8, "--json").rows
    assert (by_text[0]["id"], by_text[0]["score"] > 0.99) == (SEED, True)
    assert len({hit["id"] for hit in by_text[1:]} & {hit["id"] for hit in by_id}) >= 7


def test_words_change_the_order_and_only_that(house: House) -> None:
    graph = np.load(release(house) / "graph.npy")[IDS.index(SEED), :CANDIDATES]
    candidates = {IDS[row] for row in ranked.rows_of(graph)}
    listed = [hit["id"] for hit in house.simrec("similar", SEED, "--json").rows]
    assert set(listed) <= candidates
    assert listed != [IDS[row] for row in ranked.rows_of(graph)[:TABLE]]


def test_a_night_of_changes_gives_the_tables_of_one_from_scratch(house: House, tmp_path: Path) -> None:
    shutil.copytree(house.folder, tmp_path / "house")
    changed = House(tmp_path / "house")
    new = {"id": "new", "text": f"Once more. {ARTICLES[SEED]['text']}"}
    changed.write_articles([*changed.articles[1:], new])
    assert changed.job().code == 0
    assert changed.simrec("similar", "new", "--json").rows[0]["id"] == SEED
    tables = {name: (release(changed) / name).read_bytes() for name in ("items.db", "similar_articles.parquet")}
    shutil.rmtree(changed.workspace / "releases")
    (changed.workspace / "releases").mkdir()
    (changed.workspace / "CURRENT").unlink()
    assert changed.job().code == 0
    assert {name: (release(changed) / name).read_bytes() for name in tables} == tables


def test_auto_asks_held_out_articles_for_the_share(house: House, tmp_path: Path) -> None:
    shutil.copytree(house.folder, tmp_path / "house")
    auto = House(tmp_path / "house")
    (auto.folder / "config.toml").write_text(CONFIG.replace("lexical_weight = 0", 'lexical_weight = "auto"'))
    shutil.rmtree(auto.workspace / "lexical")
    ran = auto.job()
    assert (ran.code, "as held-out articles ask for" in ran.err) == (0, True), ran.err
    chosen = Lexical.open(next((auto.workspace / "lexical").iterdir())).weight
    assert Lexical.open(release(auto) / "lexical.npz").weight == chosen


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
