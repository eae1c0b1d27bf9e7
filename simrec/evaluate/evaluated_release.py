"""The release that is evaluated: its files, its encoder, and its articles' labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import open_npy
from simrec.index.index_facts import IndexFacts, Recall
from simrec.lexical.tfidf import TfIdf
from simrec.manifest import LexicalFacts, Manifest
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.rules.published_rules import PublishedRules
from simrec.recommend.search import Search
from simrec.recommend.table_reader import TableReader
from simrec.recommend.tables.sqlite import read_articles
from simrec.release_folder import ReleaseFolder

RANDOM_PAIRS = 2_000


@dataclass(frozen=True)
class EvaluatedRelease:
    """What decides the scores of a release: its files, its encoder's folder, and its TF-IDF.

    tfidf is None where words have no share in a score; smoothing is the share of smoothed articles;
    words find word_candidates of an article.
    """

    folder: ReleaseFolder
    encoder: Path
    tfidf: TfIdf | None
    smoothing: float = 0.0
    word_candidates: int = 0

    @property
    def words_share(self) -> float:
        """Return the share of words in a score."""
        return self.tfidf.weight if self.tfidf else 0.0

    def open_search(self, tables: TableReader) -> Search:
        """Open what answers questions from the release, as it will when it is published."""
        lexical = None
        if self.tfidf:
            lexical = LexicalFacts(self.tfidf.weight, self.word_candidates)
        index = IndexFacts.read(self.folder.index_facts)
        unsealed = Manifest(
            release_id=self.folder.release_id,
            created_at="",
            encoder_id=self.encoder.name,
            articles=index.rows,
            accounts=0,
            index=index,
            lexical=lexical,
            rules=PublishedRules.read(self.folder).as_json(),
            smoothing=self.smoothing,
            shares={},
            candidates=Recall(),
            files={},
        )
        return Search(self.folder, tables, unsealed)


class ArticleLabels(NamedTuple):
    """What the report counts of an article."""

    id: str
    account: str | None
    category: str | None
    lang: str | None
    published_at: str | None


def read_labels(folder: ReleaseFolder) -> list[ArticleLabels]:
    """Return the labels of all articles of a release, by row."""
    columns = ", ".join(ArticleLabels._fields)
    return [ArticleLabels(*row) for row in read_articles(folder, columns)]


def score_random_pairs(release: EvaluatedRelease) -> NDArray[np.float32]:
    """Return the scores of pairs of articles that are drawn at random."""
    vectors = open_npy(release.folder.vectors)
    if len(vectors) < 2:
        return np.zeros(0, np.float32)
    left, right = _draw_pairs(len(vectors))
    files = ScorerFiles(release.folder, release.words_share, release.smoothing)
    return files.open().scores(left, right[:, None])[:, 0]


def _draw_pairs(n_articles: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of random pairs of different articles."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, n_articles, (RANDOM_PAIRS, 2))
    left = rows[:, 0]
    right = rows[:, 1]
    different = left != right
    return left[different], right[different]
