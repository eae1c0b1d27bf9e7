"""Baselines that every encoder has to be measured against."""

import re
from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

WITHOUT_SPACES = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")


class TfIdf:
    """TF-IDF with sublinear term frequency (Salton & Buckley 1988), fitted on the corpus it is asked about."""

    name = "TF-IDF"

    def __init__(self, texts: Sequence[str]) -> None:
        if _mostly_without_spaces(texts):  # words cannot be cut at spaces: pairs of characters do as well
            self._vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True)
        else:
            self._vectorizer = TfidfVectorizer(stop_words="english", sublinear_tf=True)
        self._vectorizer.fit([*texts, "placeholder"])  # a corpus of stop words alone is an error otherwise

    def scores(self, left: Sequence[str], right: Sequence[str]) -> np.ndarray:
        """Return cosines [left, right]; a text without a known word has cosine 0 to all."""
        vectors = self._vectorizer.transform(left) @ self._vectorizer.transform(right).T
        return np.asarray(vectors.todense(), dtype=np.float32)


def _mostly_without_spaces(texts: Sequence[str]) -> bool:
    sample = "".join(text[:200] for text in texts[:200])
    return len(WITHOUT_SPACES.findall(sample)) > 0.3 * len(sample)
