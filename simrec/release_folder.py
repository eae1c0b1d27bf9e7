"""The folder of a release: the only place that names its files."""

import sqlite3
from pathlib import Path

PARQUET = ".parquet"
CHANGES = "changes_"  # begins the name of the table that says how another table changed


class ReleaseFolder:
    """Names the files of a release, staged or published; its own name is the release id."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = path / "manifest.json"
        self.vectors = path / "vectors.npy"
        self.index = path / "index.faiss"  # there is none where search is exact
        self.index_facts = path / "index.json"
        self.graph = path / "graph.npy"
        self.terms = path / "terms.npy"  # there are none where words have no share in a score
        self.tfidf = path / "lexical.npz"  # nor this, nor any of these
        self.vocabulary = path / "lexical.words"
        self.term_sizes = path / "term_sizes.npy"
        self.postings = path / "postings.npy"
        self.word_graph = path / "word_graph.npy"
        self.smoothed_vectors = path / "smoothed_vectors.npy"  # where smoothing has a share
        self.smoothed_terms = path / "smoothed_terms.npy"
        self.clicks = path / "clicks.json"  # there is none without a file of clicks
        self.click_pairs = path / "click_pairs.npy"  # nor these where clicks have no share
        self.click_strengths = path / "click_strengths.npy"
        self.candidate_recall = path / "candidate_recall.json"
        self.rules = path / "rules.json"
        self.without_rules = path / "without_rules.npz"  # some lists by score alone
        self.editors = path / "editors.json"  # there is none where editors want nothing
        self.tables = path / "items.db"
        self.similar_articles = self.table("similar_articles")
        self.similar_accounts = self.table("similar_accounts")
        self.evidence = self.table("account_evidence")
        self.duplicates = self.table("duplicates")
        self.changes = path / "changes.json"
        self.report = path / "report.json"
        self.report_page = path / "report.html"
        self.maps = path / "map.json"
        self.refusal = path / "refused.txt"  # of a staged release: why the gates refused it

    @property
    def release_id(self) -> str:
        return self.path.name

    def table(self, name: str) -> Path:
        """Name the Parquet file of a table."""
        return self.path / f"{name}{PARQUET}"

    def changes_of(self, table: Path) -> Path:
        """Name the Parquet file that says how a table differs from that of the release before."""
        return table.with_name(f"{CHANGES}{table.name}")

    def table_names(self) -> list[str]:
        """Return the names of the Parquet tables that are there, in order of the alphabet."""
        return sorted(path.stem for path in self.path.glob(f"*{PARQUET}"))

    def open_tables(self, any_thread: bool = False) -> sqlite3.Connection:
        """Open the SQLite tables, which nobody writes any more.

        With `any_thread`, threads may share the connection, one at a time.
        """
        uri = f"{self.tables.absolute().as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(uri, uri=True, check_same_thread=not any_thread)

    def absolute(self) -> "ReleaseFolder":
        """Return the same folder for tasks, which may run in another working directory."""
        return ReleaseFolder(self.path.absolute())

    def exists(self) -> bool:
        return self.path.exists()

    def __str__(self) -> str:
        return str(self.path)
