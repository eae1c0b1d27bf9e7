"""Suites and gates on data whose answer is known by construction."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from simrec.config import Config
from simrec.encoder import model_folder
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.query_cache import with_query_cache
from simrec.encoder.runtime import Encoder
from simrec.errors import GateError
from simrec.evaluate import gates, suites
from simrec.evaluate.report_format import SuiteSummary
from simrec.evaluate.scorers import Text, encoder_scorer, hybrid_scorer
from simrec.evaluate.tfidf_baseline import TfIdfBaseline
from simrec.lexical.tfidf import TfIdf
from simrec.metrics import precisions, reciprocal_ranks, same
from simrec.recommend.choose_weight import halves
from tests.conftest import House, speeches


def sample(count: int = 60) -> list[suites.SampledArticle]:
    return [
        suites.SampledArticle(True, s["text"][:40], s["text"], s["account"], s["category"])
        for s in speeches()[:count]
    ]


def test_a_perfect_scorer_is_perfect_and_a_blind_one_is_chance() -> None:
    def perfect(left, right):
        return np.eye(len(left))

    def blind(left, right):
        return np.zeros((len(left), len(right)))

    results = {r.suite: r for r in suites.run(sample(), {"perfect": perfect, "blind": blind})}
    assert results["split-half"].values == {"perfect": 1.0, "blind": pytest.approx(1 / 60)}
    assert results["known-item"].values == {"perfect": 1.0, "blind": pytest.approx(1 / 60)}


def test_a_suite_says_why_it_was_not_measured() -> None:
    results = suites.run(sample(5), {"none": lambda left, right: np.eye(len(left))})
    assert all(result.values == {} and result.skipped for result in results)
    same_category = [article._replace(category="same") for article in sample()]
    tfidf = TfIdfBaseline.fit([article.text for article in same_category]).scores
    (result,) = (r for r in suites.run(same_category, {"any": tfidf}) if r.suite == "same category")
    assert result.skipped == "all articles that have one are of one category"


def test_articles_without_a_label_are_no_queries() -> None:
    mixed = [
        article._replace(category=None) if n % 2 else article
        for n, article in enumerate(sample(200))
    ]
    results = suites.run(
        mixed, {"TF-IDF": TfIdfBaseline.fit([article.text for article in mixed]).scores}
    )
    assert {result.suite: result.n_queries for result in results}["same category"] == 100


def test_a_suite_of_labels_equals_one_of_labelled_articles_alone() -> None:
    articles = []
    for n, article in enumerate(sample(150)):
        category = article.category if n % 3 else None
        account = article.account if n % 5 else None
        held_out = n % 2 == 0
        articles.append(article._replace(held_out=held_out, category=category, account=account))
    scores = TfIdfBaseline.fit([article.text for article in articles]).scores
    results = {result.suite: result for result in suites.run(articles, {"TF-IDF": scores})}
    for field in ("category", "account"):
        counts = Counter(getattr(article, field) for article in articles)
        del counts[None]
        labelled = [article for article in articles if counts[getattr(article, field)] > 1]
        labelled.sort(key=lambda article: not article.held_out)
        labels = [getattr(article, field) for article in labelled]
        texts = [Text(article.text) for article in labelled]
        n_queries = sum(article.held_out for article in labelled)
        relevant = same(labels, n_queries)
        expected = precisions(scores(texts[:n_queries], texts), relevant, 10)
        result = results[f"same {field}"]
        assert (result.n_queries, result.n_candidates) == (n_queries, len(labelled))
        assert np.array_equal(result.per_query["TF-IDF"], expected)


def test_tfidf_finds_chinese_halves() -> None:
    texts = [f"{a}和{b}的关系很复杂，{a}喜欢{b}。" for a in "猫狗鸟鱼马" for b in "水火木金土"]
    queries = [Text(text) for text in texts]
    assert reciprocal_ranks(TfIdfBaseline.fit(texts).scores(queries, queries)).mean() == 1


def test_tfidf_survives_texts_without_words() -> None:
    assert TfIdfBaseline.fit(["the", "...", ""]).scores(
        [Text("the")], [Text(""), Text("x")]
    ).tolist() == [[0, 0]]


def summary(values: dict[str, float]) -> SuiteSummary:
    return SuiteSummary(
        suite="s",
        measure="MRR",
        queries=20,
        candidates=20,
        values=values,
        intervals={},
        ahead_of={},
    )


def candidate(
    value: float, recall: float = 1.0, articles: int = 100, **tables: float
) -> gates.Candidate:
    return gates.Candidate(recall, [summary({"simrec": value})], articles, **tables)


NAN = float("nan")


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (
            candidate(0.44),
            "s MRR fell from 0.500 to 0.440, more than evaluate.max_quality_drop = 0.05",
        ),
        (candidate(NAN), "s MRR of simrec is nan"),
        (
            candidate(0.5, recall=0.97),
            "97.0% at most of the articles of highest score are among the candidates, index.recall_target is 98.0%",
        ),
        (candidate(0.5, recall=NAN), "nan% at most of the articles of highest score"),
        (candidate(0.5, articles=49), "49 articles are left of 100, release.max_shrink is 50%"),
        (
            candidate(0.5, coverage=0.89),
            "89.0% of the articles have similar ones, release.min_coverage is 90.0%",
        ),
        (candidate(0.5, coverage=NAN), "nan% of the articles"),
        (candidate(0.5, lowest=-0.2, highest=1.1), "a score of 1.1, which no cosine can be"),
        (candidate(0.5, lowest=-1.1, highest=0.9), "a score of -1.1"),
    ],
)
def test_gates_refuse(new: gates.Candidate, why: str) -> None:
    with pytest.raises(GateError) as refused:
        gates.check(new, candidate(0.5), Config())
    assert str(refused.value).startswith("the release is refused and the old one stays: ")
    assert why in str(refused.value)
    assert ";" not in str(refused.value).replace("; if that is meant", ""), "one reason is enough"


def test_gates_let_pass() -> None:
    gates.check(candidate(0.1), None, Config())
    gates.check(
        candidate(0.46, articles=50, coverage=0.9, lowest=-0.2, highest=1.0),
        candidate(0.5),
        Config(),
    )
    gates.check(candidate(0.5, articles=1, coverage=0.0), None, Config())  # alone in the world
    unmeasured = gates.Candidate(1.0, [summary({})], 100)
    gates.check(candidate(0.4), unmeasured, Config())


def test_only_held_out_articles_are_queries_and_all_are_candidates() -> None:
    shapes = []

    def scorer(left, right):
        shapes.append((len(left), len(right)))
        assert left[0].text in {
            text
            for article in queries
            for text in (article.title, article.text, *halves(article.text))
        }
        return np.eye(len(left), len(right))

    mixed = [article._replace(held_out=n % 3 == 0) for n, article in enumerate(sample(90))]
    queries = [article for article in mixed if article.held_out]
    results = suites.run(mixed, {"eye": scorer})
    assert set(shapes) == {(30, 90)}
    assert {result.n_queries for result in results if result.per_query} == {30}
    assert results[0].values == {"eye": 1.0}


def tagged(count: int) -> list[suites.SampledArticle]:
    names = ("war", "peace", "money", "land")
    return [
        article._replace(tags=(names[n % 4], names[n // 4 % 4]))
        for n, article in enumerate(sample(count))
    ]


def test_articles_that_share_one_of_their_tags_are_relevant() -> None:
    articles = tagged(60)
    tags_of = {article.text: set(article.tags) for article in articles}

    def by_tag(queries: Sequence[Text], candidates: Sequence[Text]) -> np.ndarray:
        query_tags = [tags_of.get(query.text, set()) for query in queries]
        candidate_tags = [tags_of.get(candidate.text, set()) for candidate in candidates]
        return np.array([[len(tags & other) for other in candidate_tags] for tags in query_tags])

    scorers = {"by tag": by_tag, "blind": lambda a, b: np.zeros((len(a), len(b)))}
    (result,) = (r for r in suites.run(articles, scorers) if r.suite == "shared tag")
    assert (result.measure, result.n_queries) == ("P@10", 60)
    assert result.values["by tag"] == 1
    shared = np.array(
        [[bool(set(a.tags) & set(b.tags)) for b in articles if b is not a] for a in articles]
    )
    assert result.values["blind"] == pytest.approx(shared[:, :10].mean(), abs=1e-9)


def test_a_scorer_that_is_told_the_category_is_not_measured_by_it() -> None:
    results = suites.run(
        sample(100), {"recent in category": lambda a, b: np.zeros((len(a), len(b)))}
    )
    scored = {result.suite: set(result.per_query) for result in results}
    assert scored["same category"] == set()
    assert scored["same account"] == {"recent in category"}


@pytest.mark.parametrize("count", [0, 10])
def test_a_handful_of_articles_is_no_error(count: int) -> None:
    results = suites.run(sample(count), {"simrec": lambda a, b: np.zeros((len(a), len(b)))})
    assert len(results) == 5
    assert all(result.skipped and result.summary().values == {} for result in results)


# Broken encoders: each has to be refused, whatever the words beside it find.


def measured(encode: Any) -> gates.Candidate:
    """The report of an encoder on a hundred speeches, beside words that have half the score."""
    articles = [
        suites.SampledArticle(True, "", s["text"], s["account"], s["category"])
        for s in speeches()[:120]
    ]
    neural = encoder_scorer(encode)
    lexical = TfIdf.fit([article.text for article in articles])
    scorers = {"simrec": hybrid_scorer(neural, lexical, 0.5), "encoder alone": neural}
    results = suites.run(articles, scorers)
    return gates.Candidate(1.0, [result.summary() for result in results], len(articles))


@pytest.fixture(scope="module")
def good() -> gates.Candidate:
    report = measured(Encoder(PRETRAINED).encode)
    gates.check(report, None, Config())
    gates.check(report, report, Config())
    return report


def shuffled(texts: list[str]) -> np.ndarray:
    chance = np.random.default_rng(len(texts[0]))  # not the same order for both halves
    return chance.permutation(Encoder(PRETRAINED).encode(texts))


def all_equal(texts: list[str]) -> np.ndarray:
    return np.tile(Encoder(PRETRAINED).encode(["the"]), (len(texts), 1))


@pytest.mark.parametrize("broken", [shuffled, all_equal])
def test_an_encoder_that_reads_nothing_is_refused_even_for_a_first_release(
    good: gates.Candidate, broken: Any
) -> None:
    report = measured(broken)
    with pytest.raises(
        GateError, match=r"split-half MRR of the encoder is 0\.\d+, and chance is 0\.045"
    ):
        gates.check(report, None, Config())
    with pytest.raises(GateError, match="split-half MRR of the encoder alone fell from"):
        gates.check(report, good, Config())


def test_an_encoder_with_another_tokenizer_is_refused(
    good: gates.Candidate, tmp_path: Path
) -> None:
    texts = [speech["text"] for speech in speeches()]
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]+", text)})
    vocabulary = {"[PAD]": 0, "[UNK]": 1} | {word: n for n, word in enumerate(words, 2)}
    other = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    other.pre_tokenizer = Whitespace()
    other.save(str(tmp_path / model_folder.TOKENIZER))
    shutil.copy(PRETRAINED / model_folder.ONNX, tmp_path)
    model_folder.finish(tmp_path, model_folder.check(PRETRAINED), model_folder.EncoderCard())
    with pytest.raises(GateError, match="split-half MRR of the encoder alone fell from"):
        gates.check(measured(Encoder(tmp_path).encode), good, Config())


def test_a_cache_that_stores_nothing_gives_the_same_vectors(tmp_path: Path) -> None:
    def encode(texts: Sequence[str]) -> np.ndarray:
        encoded.append(list(texts))
        return np.stack([np.random.default_rng(len(text)).normal(size=16) for text in texts])

    encoded: list[list[str]] = []
    texts = ["a", "bb", "ccc", "bb"]
    not_stored = with_query_cache(encode, tmp_path / "cache", keep=False)(texts)
    assert not (tmp_path / "cache").exists()
    assert np.array_equal(with_query_cache(encode, tmp_path / "cache")(texts[:2]), not_stored[:2])
    assert np.array_equal(
        with_query_cache(encode, tmp_path / "cache", keep=False)(texts), not_stored
    )
    assert encoded == [["a", "bb", "ccc"], ["a", "bb"], ["ccc"]]
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_suites_encode_only_what_is_new_and_measure_the_same(house: House) -> None:
    (cache,) = (house.workspace / "embeddings").glob("*-asked")
    before = set(cache.iterdir())
    articles = house.articles
    changed = [{**article, "text": f"{article['text']} Once more."} for article in articles[:40]]
    house.write_articles([*changed, *articles[40:]])
    assert house.job().code == 0
    new = [len(np.load(path)["keys"]) for path in set(cache.iterdir()) - before]
    assert 0 < sum(new) <= 3 * 40, "the text and the halves of each that is in the sample"
    report = house.workspace / "releases" / house.current / "report.json"
    suites = json.loads(report.read_text())["suites"]
    shutil.rmtree(cache)
    shutil.rmtree(report.parent)
    (house.workspace / "CURRENT").unlink()
    assert house.job().code == 0
    assert json.loads(report.read_text())["suites"] == suites
    assert len(list(cache.iterdir())) >= 1
