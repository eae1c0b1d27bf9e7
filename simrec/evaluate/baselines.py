"""Baselines that every encoder has to be measured against, on the same rows."""

import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from simrec import arrays
from simrec.evaluate.scorers import RECENT, Scorer, Text, encoder_scorer
from simrec.lexical.words import words

WITHOUT_SPACES = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
LSA_DIM = 256
SAVED = ("facts", "idf", "words")  # arrays of a saved TF-IDF
MEND = "remove it, simrec evaluate makes it anew"

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it tells of every index it builds


class TfIdfBaseline:
    """TF-IDF with sublinear term frequency (Salton & Buckley 1988), its words and their idf fixed when it was fitted.

    articles is how many there were then, of which it may have read only some.
    """

    def __init__(self, vectorizer: TfidfVectorizer, articles: int) -> None:
        self._vectorizer = vectorizer
        self.articles = articles

    @classmethod
    def fit(cls, texts: Sequence[str], articles: int = 0) -> "TfIdfBaseline":
        """Fit it on the corpus it is asked about."""
        vectorizer = _vectorizer(_mostly_without_spaces(texts))
        vectorizer.fit(
            [*texts, "placeholder"]
        )  # a corpus of stop words alone is an error otherwise
        return cls(vectorizer, articles)

    @classmethod
    def open(cls, path: Path) -> "TfIdfBaseline":
        """Open a saved one; ReleaseError if it is not whole."""
        facts, idf, words = arrays.read_npz(path, MEND, *SAVED)
        without_spaces, articles = facts.tolist()
        vectorizer = _vectorizer(bool(without_spaces), json.loads(words.tobytes()))
        vectorizer.idf_ = idf
        return cls(vectorizer, articles)

    def save(self, path: Path) -> None:
        """Write it as one file, whole or not at all."""
        words = json.dumps(self._vectorizer.get_feature_names_out().tolist()).encode()
        facts = np.array([self._vectorizer.analyzer == "char", self.articles])
        arrays.write_npz(
            path, facts=facts, idf=self._vectorizer.idf_, words=np.frombuffer(words, np.uint8)
        )

    def scores(self, left: Sequence[Text], right: Sequence[Text]) -> np.ndarray:
        """Return cosines [left, right]; a text without a known word has cosine 0 to all."""
        vectors = (
            self.rows([text.text for text in left]) @ self.rows([text.text for text in right]).T
        )
        return np.asarray(vectors.todense(), dtype=np.float32)

    def rows(self, texts: Sequence[str]) -> Any:
        """Return unit rows, sparse [texts, words]."""
        return self._vectorizer.transform(texts)


def lsa(tfidf: TfIdfBaseline, texts: Sequence[str]) -> Scorer:
    """Return a scorer by latent semantic analysis (Deerwester et al. 1990), its axes learned from texts.

    These have to be others than those that ask: a rare word that stands in both halves of a text is on
    one axis because of that text, and would find it.
    """
    rows = tfidf.rows(texts)
    axes = TruncatedSVD(max(1, min(LSA_DIM, min(rows.shape) - 1)), random_state=0).fit(rows)
    return encoder_scorer(lambda asked: normalize(axes.transform(tfidf.rows(asked))))


def bm25(left: Sequence[Text], right: Sequence[Text]) -> np.ndarray:
    """Return Okapi BM25 (k1 1.5, b .75; Robertson & Zaragoza 2009) of questions for candidates, its corpus."""
    index = bm25s.BM25(k1=1.5, b=0.75)
    index.index([[*words(text.text)] or [""] for text in right], show_progress=False)
    return np.stack([index.get_scores([*words(text.text)] or [" "]) for text in left])


def chance(left: Sequence[Text], right: Sequence[Text]) -> np.ndarray:
    """Return scores that know nothing."""
    return np.random.default_rng(0).random((len(left), len(right)), dtype=np.float32)


def recent(left: Sequence[Text], right: Sequence[Text]) -> np.ndarray:
    """Return what a site without recommendations shows: the newest of the same category first, the others last."""
    newer = np.argsort(np.argsort([text.published_at or "" for text in right], kind="stable"))
    categories = np.array([text.category or "" for text in right])
    own = np.array([text.category or "" for text in left])
    return np.where((own[:, None] == categories) & (categories != ""), 1.0 + newer, 0.0)


def simple(
    names: Iterable[str], tfidf: TfIdfBaseline | None, others: Sequence[str]
) -> dict[str, Scorer]:
    """Return the named baselines that need no encoder; `others` are texts of the corpus that do not ask.

    TF-IDF knows how common a word is in the whole corpus, as it would in use, and as simrec does. It is None if
    neither it nor LSA is named.
    """
    made: dict[str, Callable[[], Scorer]] = {
        "random": lambda: chance,
        RECENT: lambda: recent,
        "BM25": lambda: bm25,
    }
    if tfidf:
        made |= {"TF-IDF": lambda: tfidf.scores, "LSA": lambda: lsa(tfidf, others)}
    return {name: made[name]() for name in names if name in made}


def _vectorizer(without_spaces: bool, words: list[str] | None = None) -> TfidfVectorizer:
    if without_spaces:  # words cannot be cut at spaces: pairs of characters do as well
        return TfidfVectorizer(
            analyzer="char", ngram_range=(1, 2), sublinear_tf=True, vocabulary=words
        )
    return TfidfVectorizer(stop_words="english", sublinear_tf=True, vocabulary=words)


def _mostly_without_spaces(texts: Sequence[str]) -> bool:
    sample = "".join(text[:200] for text in texts[:200])
    return len(WITHOUT_SPACES.findall(sample)) > 0.3 * len(sample)
