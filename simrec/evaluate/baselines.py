"""Baselines that every release is measured against, on the same queries.

A new baseline is one function here, its entry in BASELINES, and its name in config.Baseline.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize

from simrec.articles.store import Store
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.model_folder import read_id
from simrec.encoder.runtime import Encoder
from simrec.errors import missing_extra
from simrec.evaluate.scorers import RECENT, Encode, Scorer, Texts, encoder_scorer
from simrec.evaluate.tfidf_baseline import TfIdfBaseline
from simrec.lexical.tfidf import OUTGROWN
from simrec.training.doors import open_teacher, open_trainer

FITTED_TEXTS = 10_000  # that TF-IDF and LSA learn from
MOST_CHARS = 20_000  # of each
LSA_DIM = 256
MINILM_TOKENS = 256  # that all-MiniLM-L6-v2 reads of a text, as its users have it


@dataclass
class BaselineInputs:
    """What baselines may learn from and read.

    Texts whose key is below `boundary` are held out: they are the queries. encoder is the folder of
    the encoder that is evaluated; encode_with opens an encoder of the workspace by its id, None if
    the workspace has no such encoder. With may_store, TF-IDF is fitted anew and stored where none
    is, or the corpus has outgrown it.
    """

    store: Store
    boundary: bytes
    stored_tfidf: Path
    encoder: Path
    encode_with: Callable[[str], Encode | None]
    threads: int
    seed: int
    may_store: bool = False

    @cached_property
    def tfidf(self) -> TfIdfBaseline:
        """TF-IDF knows how common a word is in the whole corpus, as it would in use."""
        path = self.stored_tfidf
        stored = TfIdfBaseline.open(path) if path.exists() else None
        if stored and stored.is_current and not (self.may_store and self._has_outgrown(stored)):
            return stored
        fitted = TfIdfBaseline.fit(self.texts(), self.store.count())
        if self.may_store:
            path.parent.mkdir(exist_ok=True)
            fitted.save(path)
        return fitted

    def _has_outgrown(self, stored: TfIdfBaseline) -> bool:
        return self.store.count() > OUTGROWN * stored.articles

    def texts(self, start: bytes = b"") -> list[str]:
        """Return texts of the corpus in order of their keys, from `start` on."""
        keys = self.store.text_keys(FITTED_TEXTS, start)
        return [text for _, text in self.store.counted_texts(keys, MOST_CHARS)]


Baseline = Callable[[BaselineInputs], Scorer]


def open_baselines(names: Iterable[str], inputs: BaselineInputs) -> dict[str, Scorer]:
    """Return the scorers of the named baselines; ConfigError if one needs an extra."""
    return {name: BASELINES[name](inputs) for name in names}


def random_scores(queries: Texts, candidates: Texts) -> NDArray[np.float32]:
    """Return scores that know nothing."""
    shape = (len(queries), len(candidates))
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def newest_in_category(queries: Texts, candidates: Texts) -> NDArray[np.float64]:
    """Return what a site without recommendations shows: the newest of the category first."""
    dates = [candidate.published_at or "" for candidate in candidates]
    recency = np.argsort(np.argsort(dates, kind="stable"))
    query_categories = np.array([query.category or "" for query in queries])
    categories = np.array([candidate.category or "" for candidate in candidates])
    same_category = (query_categories[:, None] == categories) & (categories != "")
    return np.where(same_category, 1.0 + recency, 0.0)


def lsa(tfidf: TfIdfBaseline, texts: Sequence[str]) -> Scorer:
    """Return a scorer by latent semantic analysis (Deerwester et al. 1990), fitted on texts.

    These must not be the queries: a rare word in both halves of a text would get an axis because
    of that text, and would find it.
    """
    rows = tfidf.rows(texts)
    dim = max(1, min(LSA_DIM, min(rows.shape) - 1))
    axes = TruncatedSVD(dim, random_state=0).fit(rows)

    def encode(texts: Sequence[str]) -> NDArray[np.float64]:
        vectors: NDArray[np.float64] = normalize(axes.transform(tfidf.rows(texts)))
        return vectors

    return encoder_scorer(encode)


def _bm25(_inputs: BaselineInputs) -> Scorer:
    try:
        from simrec.evaluate.bm25 import bm25
    except ModuleNotFoundError as error:
        if error.name == "bm25s":
            raise missing_extra("evaluate", "the baseline BM25") from error
        raise
    return bm25


def _untrained_encoder(inputs: BaselineInputs) -> Scorer:
    open_trainer()  # first, since its libraries are to be silent
    from simrec.training.random_encoder import write_random_encoder

    with tempfile.TemporaryDirectory() as folder:
        write_random_encoder(inputs.encoder, Path(folder), inputs.seed)
        return encoder_scorer(Encoder(Path(folder), inputs.threads).encode)


def _pretrained_encoder(inputs: BaselineInputs) -> Scorer:
    encode = inputs.encode_with(read_id(PRETRAINED))
    return encoder_scorer(encode or Encoder(PRETRAINED, inputs.threads).encode)


def _minilm(_inputs: BaselineInputs) -> Scorer:
    teachers = open_teacher()
    model = teachers.SentenceTransformerTeacher(teachers.packaged(), MINILM_TOKENS)
    return encoder_scorer(model.encode)


BASELINES: dict[str, Baseline] = {
    "random": lambda _: random_scores,
    RECENT: lambda _: newest_in_category,
    "TF-IDF": lambda inputs: inputs.tfidf.scores,
    "LSA": lambda inputs: lsa(inputs.tfidf, inputs.texts(inputs.boundary)),
    "BM25": _bm25,
    "untrained encoder": _untrained_encoder,
    "pretrained encoder": _pretrained_encoder,
    "MiniLM": _minilm,
}
