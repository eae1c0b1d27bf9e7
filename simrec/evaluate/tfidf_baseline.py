"""TF-IDF as a baseline: scikit-learn's, stored so that it is fitted seldom."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from simrec.evaluate.scorers import Texts
from simrec.evaluate.stored_tfidf import StoredTfIdf
from simrec.lexical.characters import MARKS, WITHOUT_SPACES, fold

IN_SCRIPT_WITHOUT_SPACES = re.compile(f"[{WITHOUT_SPACES}]")
TOKEN = rf"\w[{MARKS}]*\w[\w{MARKS}]*"  # scikit-learn's, at least two letters, with their marks


class TfIdfBaseline:
    """TF-IDF with sublinear term frequency (Salton & Buckley 1988), fitted once.

    articles is the size of the corpus when it was fitted; it may have read only some of them. One
    that is not `is_current` was fitted on other words than texts are cut into now.
    """

    def __init__(self, vectorizer: TfidfVectorizer, articles: int, is_current: bool = True) -> None:
        self._vectorizer = vectorizer
        self.articles = articles
        self.is_current = is_current

    @classmethod
    def fit(cls, texts: Sequence[str], articles: int = 0) -> "TfIdfBaseline":
        """Fit the vocabulary and its idf on texts of the corpus."""
        vectorizer = _vectorizer(_mostly_without_spaces(texts))
        # scikit-learn refuses a corpus of stop words alone
        vectorizer.fit([*texts, "placeholder"])
        return cls(vectorizer, articles)

    @classmethod
    def open(cls, path: Path) -> "TfIdfBaseline":
        """Open a stored one; ReleaseError if it is damaged."""
        stored = StoredTfIdf.read(path)
        vectorizer = _vectorizer(stored.without_spaces, stored.words)
        vectorizer.idf_ = stored.idf
        return cls(vectorizer, stored.articles, stored.is_current)

    def save(self, path: Path) -> None:
        """Write it as one file, whole or not at all."""
        StoredTfIdf(
            words=self._vectorizer.get_feature_names_out().tolist(),
            idf=self._vectorizer.idf_,
            without_spaces=self._vectorizer.analyzer == "char",
            articles=self.articles,
        ).write(path)

    def scores(self, queries: Texts, candidates: Texts) -> NDArray[np.float32]:
        """Return cosines [queries, candidates]; a text without a known word has cosine 0 to all."""
        query_rows = self.rows([query.text for query in queries])
        candidate_rows = self.rows([candidate.text for candidate in candidates])
        cosines = query_rows @ candidate_rows.T
        return np.asarray(cosines.todense(), dtype=np.float32)

    def rows(self, texts: Sequence[str]) -> Any:
        """Return unit rows, a sparse matrix [texts, words]."""
        return self._vectorizer.transform(texts)


def _vectorizer(without_spaces: bool, words: list[str] | None = None) -> TfidfVectorizer:
    """Return a vectorizer of words, or of characters and pairs where no spaces part words."""
    if without_spaces:
        return TfidfVectorizer(
            preprocessor=fold,
            analyzer="char",
            ngram_range=(1, 2),
            sublinear_tf=True,
            vocabulary=words,
        )
    return TfidfVectorizer(
        preprocessor=fold,
        token_pattern=TOKEN,
        stop_words="english",
        sublinear_tf=True,
        vocabulary=words,
    )


def _mostly_without_spaces(texts: Sequence[str]) -> bool:
    sample = "".join(text[:200] for text in texts[:200])
    return len(IN_SCRIPT_WITHOUT_SPACES.findall(sample)) > 0.3 * len(sample)
