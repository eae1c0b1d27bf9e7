"""TF-IDF as a baseline: scikit-learn's, stored so that it is fitted seldom."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from simrec import arrays
from simrec.evaluate.scorers import Texts
from simrec.lexical.characters import MARKS, WITHOUT_SPACES, fold

FORMAT = 2  # of the stored file; in 1, whose file does not say so, combining marks cut words
IN_SCRIPT_WITHOUT_SPACES = re.compile(f"[{WITHOUT_SPACES}]")
TOKEN = rf"\w[{MARKS}]*\w[\w{MARKS}]*"  # scikit-learn's, at least two letters, with their marks
ARRAYS = ("facts", "idf", "words")  # of the stored file
HINT = "remove it, simrec evaluate makes it anew"


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
        facts, idf, encoded_words = arrays.read_npz(path, HINT, *ARRAYS)
        without_spaces, articles, *version = facts.tolist()
        words = json.loads(encoded_words.tobytes())
        vectorizer = _vectorizer(bool(without_spaces), words)
        vectorizer.idf_ = idf
        return cls(vectorizer, articles, version == [FORMAT])

    def save(self, path: Path) -> None:
        """Write it as one file, whole or not at all."""
        words = self._vectorizer.get_feature_names_out().tolist()
        encoded_words = np.frombuffer(json.dumps(words).encode(), np.uint8)
        without_spaces = self._vectorizer.analyzer == "char"
        facts = np.array([without_spaces, self.articles, FORMAT])
        arrays.write_npz(path, facts=facts, idf=self._vectorizer.idf_, words=encoded_words)

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
