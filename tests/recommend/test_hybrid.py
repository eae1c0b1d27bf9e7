"""The hybrid score, through the nightly job and the command line."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pyarrow import parquet
from scipy import sparse
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from simrec.lexical.term_vectors import TermVectors, unpack
from simrec.lexical.tfidf import TfIdf
from simrec.lexical.words import lower, words
from simrec.recommend.account_terms import PRIOR_TERMS, log_odds
from tests.conftest import CONFIG, House, nightly_house, speeches

ARTICLES = {speech["id"]: speech for speech in speeches()}
IDS = sorted(ARTICLES)
SEED = "1861-Lincoln-1/13"
CANDIDATES = 20
PLACES = 10
WEIGHT = 0.3


@pytest.fixture(scope="module")
def house(published: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose scores are lexical to 30 %. Do not change it."""
    config = CONFIG.replace("lexical_weight = 0", f"lexical_weight = {WEIGHT}")
    return nightly_house(published, tmp_path_factory.mktemp("hybrid"), config)


def release(house: House) -> Path:
    return house.workspace / "releases" / house.current


def unit_vectors(house: House) -> NDArray[np.float32]:
    stored = np.load(release(house) / "vectors.npy").astype(np.float32)
    unit: NDArray[np.float32] = stored / np.linalg.norm(stored, axis=1, keepdims=True)
    return unit


def text_of(row: int) -> str:
    return str(ARTICLES[IDS[row]]["text"])


def oracle(house: House, seed: int, allowed: list[int], n: int) -> list[tuple[str, float]]:
    """The articles of highest hybrid score of all that are allowed, from the texts themselves."""
    vectors = unit_vectors(house)
    cosines = (vectors @ vectors[seed]).round(6)
    nearest = allowed
    lexical = TfIdf.open(release(house) / "lexical.npz")
    terms = lexical.encode([text_of(seed), *(text_of(row) for row in nearest)])
    lexical_cosines = TermVectors(terms[1:]).cosines(terms[:1], np.arange(len(nearest))[None])[0]
    scores = (1 - WEIGHT) * cosines[nearest] + WEIGHT * lexical_cosines
    scored = [(IDS[row], float(score)) for row, score in zip(nearest, scores, strict=True)]
    return sorted(scored, key=lambda pair: (-round(pair[1], 6), pair[0]))[:n]


@pytest.mark.parametrize(
    "options", [[], ["--since", "1000"], ["-n", "30"], ["--category", "Republican"]]
)
def test_similar_articles_are_ranked_by_the_hybrid_score(house: House, options: list[str]) -> None:
    seed = IDS.index(SEED)
    allowed = [row for row in range(len(IDS)) if row != seed]
    if "--category" in options:
        allowed = [row for row in allowed if ARTICLES[IDS[row]]["category"] == "Republican"]
    expected = oracle(house, seed, allowed, n=30 if "-n" in options else 10)
    hits = house.simrec("similar", SEED, *options, "--json").rows
    assert [hit["id"] for hit in hits] == [article_id for article_id, _ in expected]
    scores = [score for _, score in expected]
    assert [hit["score"] for hit in hits] == pytest.approx(scores, abs=3e-6)


def test_a_text_is_ranked_as_the_article_it_is(house: House) -> None:
    by_text = house.simrec("similar", "--text", ARTICLES[SEED]["text"], "-n", 9, "--json").rows
    by_id = house.simrec("similar", SEED, "-n", 8, "--json").rows
    assert (by_text[0]["id"], by_text[0]["score"] > 0.99) == (SEED, True)
    assert len({hit["id"] for hit in by_text[1:]} & {hit["id"] for hit in by_id}) >= 7


def test_lexical_cosines_change_the_order_and_not_the_candidates(house: House) -> None:
    vectors = unit_vectors(house)
    cosines = (vectors @ vectors[IDS.index(SEED)]).round(6)
    nearest = sorted(set(IDS) - {SEED}, key=lambda one: (-cosines[IDS.index(one)], one))
    listed = [hit["id"] for hit in house.simrec("similar", SEED, "--json").rows]
    assert set(listed) <= set(nearest[:CANDIDATES])
    assert listed != nearest[:PLACES]


def test_a_night_of_changes_gives_the_tables_of_a_night_from_scratch(
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


def test_auto_takes_the_lexical_weight_that_suits_held_out_articles(
    house: House, tmp_path: Path
) -> None:
    shutil.copytree(house.folder, tmp_path / "house")
    auto = House(tmp_path / "house")
    (auto.folder / "config.toml").write_text(
        CONFIG.replace("lexical_weight = 0", 'lexical_weight = "auto"')
    )
    shutil.rmtree(auto.workspace / "lexical")
    ran = auto.job()
    assert (ran.code, "with which held-out articles are found best" in ran.err) == (0, True), (
        ran.err
    )
    chosen = TfIdf.open(next((auto.workspace / "lexical").glob("*.npz"))).weight
    assert TfIdf.open(release(auto) / "lexical.npz").weight == chosen


def test_idf_stays_until_the_corpus_has_doubled(house: House, tmp_path: Path) -> None:
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


def test_without_lexical_weight_there_are_no_files_of_terms(published: House) -> None:
    assert not list((published.workspace / "releases").glob("*/terms.npy"))
    assert not (published.workspace / "lexical").exists()


def test_housekeeping_compacts_shards_of_term_vectors_too(house: House, tmp_path: Path) -> None:
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
    """The score of all pairs of accounts, with dictionaries and loops."""
    accounts = sorted({article["account"] for article in ARTICLES.values()})
    rows_of: dict[str, list[int]] = {account: [] for account in accounts}
    for row, article_id in enumerate(IDS):
        rows_of[ARTICLES[article_id]["account"]].append(row)
    vectors = unit_vectors(house).astype(np.float64)
    means = np.stack([vectors[rows].mean(axis=0) for rows in rows_of.values()])
    means -= means.mean(axis=0)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    profiles = term_profiles(np.load(release(house) / "terms.npy"), rows_of)
    scores = {}
    for i, account in enumerate(accounts):
        for j, other in enumerate(accounts):
            profile = profiles[other]
            lexical_cosine = sum(w * profile.get(term, 0) for term, w in profiles[account].items())
            scores[account, other] = 0.2 * float(means[i] @ means[j]) + 0.8 * lexical_cosine
    return scores


def term_profiles(
    terms: NDArray[np.uint32], rows_of: dict[str, list[int]]
) -> dict[str, dict[int, float]]:
    """The weights of each account's 512 heaviest terms, as vectors of length one."""
    term_ids, weights = unpack(terms)
    weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1)
    sums: dict[str, Counter[int]] = {account: Counter() for account in rows_of}
    for account, rows in rows_of.items():
        for row in rows:
            for term, weight in zip(term_ids[row].tolist(), weights[row].tolist(), strict=True):
                if weight:
                    sums[account][term] += weight
    accounts_of_term = Counter(term for of_account in sums.values() for term in of_account)
    profiles = {}
    for account, of_account in sums.items():
        profile = {}
        for term, weight in of_account.items():
            idf = np.log(len(rows_of) / accounts_of_term[term])
            if idf > 0:
                profile[term] = weight**0.5 * idf
        heaviest = sorted(profile, key=lambda term: (-profile[term], term))[:512]  # noqa: B023
        norm = sum(profile[term] ** 2 for term in heaviest) ** 0.5
        profiles[account] = {term: profile[term] / norm for term in heaviest}
    return profiles


def test_similar_accounts_are_ranked_by_their_vectors_and_by_their_typical_words(
    house: House,
) -> None:
    expected = account_oracle(house)
    for account in ("Abraham Lincoln", "George Washington"):
        hits = house.simrec("accounts", account, "-n", 9, "--json").rows
        others = {other for one, other in expected if one == account} - {account}
        assert {hit["id"] for hit in hits} == others
        scores = [hit["score"] for hit in hits]
        assert scores == sorted(scores, reverse=True)
        for hit in hits:
            assert hit["score"] == pytest.approx(expected[account, hit["id"]], abs=2e-3)


def test_an_account_is_told_apart_by_what_others_do_not_write_about(house: House) -> None:
    hits = house.simrec("accounts", "Abraham Lincoln", "-n", 9, "--explain", "--json").rows
    words_of = {name: set(words(ARTICLES[name]["text"])) for name in IDS}
    told = stop_words = 0
    for hit in hits:
        own = [name for name in IDS if ARTICLES[name]["account"] == hit["id"]]
        others = [name for name in IDS if name not in own]
        for term in hit["terms"]:
            of_term = {lower(word) for word in term.split()} - set(words(hit["id"]))
            assert of_term, term
            stop_words += bool(of_term & ENGLISH_STOP_WORDS)
            in_own = sum(of_term <= words_of[name] for name in own)
            in_others = sum(of_term <= words_of[name] for name in others)
            assert in_own >= 2 and in_own / len(own) > in_others / len(others), (hit["id"], term)
            told += 1
    assert told > 20 and stop_words <= told / 20  # the encoder of tests has learned little
    shown = house.simrec("accounts", "Abraham Lincoln", "--explain").out
    assert f"writes about {', '.join(hits[0]['terms'])}\n" in shown
    assert not house.simrec("accounts", "Abraham Lincoln", "--json").rows[0]["terms"]
    table: dict[str, list[str]] = {}
    for row in parquet.read_table(release(house) / "account_terms.parquet").to_pylist():
        table.setdefault(row["account"], []).append(row["term"])
    assert {hit["id"]: hit["terms"] for hit in hits if hit["terms"]}.items() <= table.items()


def test_log_odds_are_those_of_monroe_and_others() -> None:
    counts = np.array([[4, 1, 0], [1, 3, 6]])
    values = log_odds(sparse.csr_matrix(counts.astype(np.float32)))
    prior = PRIOR_TERMS * counts.sum(axis=0) / counts.sum()
    expected = []
    for account, term in zip(*np.nonzero(counts), strict=True):
        own, others = (counts[side, term] + prior[term] for side in (account, 1 - account))
        sums = [counts[side].sum() + PRIOR_TERMS for side in (account, 1 - account)]
        ratio = own / (sums[0] - own) / (others / (sums[1] - others))
        expected.append(np.log(ratio) / (1 / own + 1 / others) ** 0.5)
    assert values == pytest.approx(expected)
    assert values[0] > 0 > values[1]
