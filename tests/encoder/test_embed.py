"""Tasks on several hosts: the texts of their keys come from one file, and names are unique."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from simrec import files
from simrec.articles.article import Article
from simrec.articles.store import Store
from simrec.articles.store_writer import Keys
from simrec.encoder.embed import EmbedTask, terms_shard
from simrec.encoder.embedding_cache import EmbeddingCache
from simrec.errors import LockedError, ReleaseError
from simrec.lexical.tfidf import TfIdf
from tests.conftest import speeches

ARTICLES = [Article(id=speech["id"], text=speech["text"]) for speech in speeches()[:8]]
KEYS = [article.text_key for article in ARTICLES]


@pytest.fixture
def articles_db(tmp_path: Path) -> Path:
    path = tmp_path / "articles.db"
    with Store.open(path, create=True):
        pass
    return path


def ingest(path: Path) -> None:
    with Store.open(path, create=True) as store, store.transaction() as writer:
        for article in ARTICLES:
            writer.upsert(article, Keys(article.row_key, article.text_key, b""))


def test_a_settled_store_is_one_file_for_readers_without_locks(articles_db: Path) -> None:
    with closing(
        sqlite3.connect(articles_db)
    ) as reader:  # while it is open SQLite keeps what is new beside the file
        reader.execute("SELECT count(*) FROM articles").fetchone()
        ingest(articles_db)
        with Store.open(articles_db) as store:
            store.checkpoint()
        with Store.open(articles_db, immutable=True) as store:
            assert store.texts(KEYS, 50) == [("", article.text[:50]) for article in ARTICLES]
    beside = sorted(articles_db.parent.iterdir())
    with Store.open(articles_db, immutable=True) as store:
        store.texts(KEYS)
        assert sorted(articles_db.parent.iterdir()) == beside == [articles_db], (
            "a lock that no other host would see"
        )


def test_a_store_that_is_being_read_for_long_cannot_be_settled(articles_db: Path) -> None:
    with closing(sqlite3.connect(articles_db, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM articles").fetchone()
        ingest(articles_db)
        with (
            Store.open(articles_db, timeout=0.1) as store,
            pytest.raises(LockedError, match="has been reading it"),
        ):
            store.checkpoint()


def test_the_text_of_another_key_is_never_encoded(articles_db: Path) -> None:
    ingest(articles_db)
    with closing(sqlite3.connect(articles_db)) as db, db:
        db.execute("UPDATE texts SET text = text || 'x' WHERE key = ?", (KEYS[3],))
    with (
        pytest.raises(ReleaseError, match=f"the text of key {KEYS[3].hex()} is another"),
        Store.open(articles_db) as it,
    ):
        it.texts(KEYS, 10)


def terms_task(articles_db: Path, tfidf_id: str) -> EmbedTask:
    """A task that writes the term vectors of all articles into a cache of that name."""
    folder = articles_db.parent
    return EmbedTask(articles_db, True, folder / "lexical.npz", folder / tfidf_id, KEYS)


def save(tfidf: TfIdf, folder: Path) -> None:
    tfidf.save(folder / "lexical.npz")
    (folder / tfidf.id).mkdir()


def test_a_worker_that_lives_on_takes_the_word_weights_of_tonight(
    articles_db: Path, tmp_path: Path
) -> None:
    ingest(articles_db)
    texts = [article.text for article in ARTICLES]
    for corpus in (texts[:4], texts):  # on the second night a new fit replaces the file
        tfidf = TfIdf.fit(corpus)
        save(tfidf, tmp_path)
        terms_shard(terms_task(articles_db, tfidf.id))
        assert (EmbeddingCache(tmp_path / tfidf.id).gather(KEYS) == tfidf.encode(texts)).all()
    with pytest.raises(ReleaseError, match=f"holds {tfidf.id}, where tfidf-other was expected"):
        terms_shard(terms_task(articles_db, "tfidf-other"))


def test_a_shard_that_exists_is_left_as_it_is(articles_db: Path, tmp_path: Path) -> None:
    ingest(articles_db)
    tfidf = TfIdf.fit([article.text for article in ARTICLES])
    save(tfidf, tmp_path)
    task = terms_task(articles_db, tfidf.id)
    assert terms_shard(task) == len(KEYS)
    before = task.path.stat()
    assert terms_shard(task) == len(KEYS)
    after = task.path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_two_that_write_one_file_at_once_are_not_in_each_others_way(tmp_path: Path) -> None:
    """As a task that runs twice does, on hosts that may give both processes the same number."""
    target = tmp_path / "shard"
    with files.atomic_path(target) as first, files.atomic_path(target) as second:
        first.write_text("the same bytes")
        second.write_text("the same bytes")
    assert [path.name for path in tmp_path.iterdir()] == ["shard"]
    assert target.read_text() == "the same bytes"
