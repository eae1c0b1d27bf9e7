"""A dry run counts what the ingest then does: random sources and edits, night after night."""

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from simrec.articles.ingest import ingest
from simrec.articles.ingested import Ingested
from simrec.articles.preview import Preview, preview
from simrec.articles.store import Store
from simrec.config import Config
from simrec.config_file import load
from simrec.errors import SimrecError

CONFIG = """
[[sources]]
path = "{folder}/*.jsonl"
[[sources]]
path = "{folder}/pages"
[[sources]]
path = "{folder}/paper.rss"
[ingest]
sync = {sync}
deletions = "{folder}/deletions.txt"
max_reject_share = {share}
max_delete_share = {share}
max_failed_sources = {failed}
"""
TABLE = """[[sources]]
url = "sqlite:///{folder}/news.db"
query = "SELECT * FROM news"
watermark = "at"
"""
ITEM = "<item><guid>{id}</guid><title>{title}</title><description>{text}</description></item>"
DAYS = ["2024-05-31", "2024-06-0{night}", "soon", None, "2024-06-0{later}"]


class Sources:
    """Sources that are edited at random, as people and systems do."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.rng = rng
        self.night = 1

    def edit(self) -> None:
        rng = self.rng
        for name in ("1.jsonl", "2.jsonl"):
            if rng.random() < 0.6:
                lines = [self._line() for _ in range(rng.randint(0, 12))]
                (self.folder / name).write_text("".join(lines))
        if rng.random() < 0.5:
            self._edit_pages()
        if rng.random() < 0.5:
            items = "".join(ITEM.format(**self._record()) for _ in range(rng.randint(1, 4)))
            feed = f"<rss version='2.0'><channel><title>P</title>{items}</channel></rss>"
            cut = len(feed) if rng.random() < 0.7 else rng.randrange(len(feed))
            (self.folder / "paper.rss").write_text(feed[:cut])
        if rng.random() < 0.6:
            self._edit_table()
        ids = [self._id() for _ in range(rng.choice([0, 0, 1, 3]))]
        (self.folder / "deletions.txt").write_text("\n".join(ids))

    def _edit_pages(self) -> None:
        pages = self.folder / "pages"
        pages.mkdir(exist_ok=True)
        for number in range(4):
            page = pages / f"{number}.md"
            page.unlink(missing_ok=True)
            if self.rng.random() < 0.7:
                front = json.dumps(self._record())
                page.write_bytes(front.encode() + b"\n\nWords." + self.rng.choice([b"", b"\xff"]))
        if self.rng.random() < 0.2:
            pages.rename(self.folder / f"away-{self.night}")

    def _edit_table(self) -> None:
        path = self.folder / "news.db"
        if self.rng.random() < 0.2:
            path.write_bytes(b"no database" * 99)
            return
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("CREATE TABLE news (id, title, text, published_at, status, at)")
            for _ in range(self.rng.randint(1, 8)):
                record = self._record()
                names = ("id", "title", "text", "published_at", "status")
                row = [record.get(name) for name in names]
                db.execute("INSERT INTO news VALUES (?, ?, ?, ?, ?, ?)", [*row, self._mark()])

    def _mark(self) -> int | None:
        return self.rng.choice([None, *range(self.night + 1)])

    def _line(self) -> str:
        if self.rng.random() < 0.1:
            return self.rng.choice(["{oops\n", "[]\n", '{"text": "Without an id."}\n', "\n"])
        return json.dumps(self._record()) + "\n"

    def _record(self) -> dict[str, Any]:
        rng = self.rng
        day = rng.choice(DAYS)
        return {
            "id": self._id(),
            "title": rng.choice(["", "A title", "Another title"]),
            "text": rng.choice(["Some words.", f"Words of night {self.night}.", "", "More words."]),
            "published_at": day and day.format(night=self.night, later=self.night + 2),
            "status": rng.choice(["publish", "publish", None, "draft", "odd"]),
        }

    def _id(self) -> str:
        return f"a{self.rng.randrange(14)}"


def nights(folder: Path, seed: int) -> Iterator[tuple[Config, str]]:
    """Yield a configuration and a time for each of some nights, after the sources were edited."""
    rng = random.Random(seed)
    sources = Sources(folder, rng)
    share = rng.choice([0.4, 1.0, 1.0, 1.0])
    sync = rng.choice(["true", "true", "false"])
    values = {"folder": folder, "sync": sync, "share": share, "failed": rng.choice([0, 5])}
    text = CONFIG + rng.choice([TABLE, ""])  # files alone are not read again if unchanged
    (folder / "config.toml").write_text(text.format(**values))
    config = load(folder / "config.toml")
    for night in range(1, 7):
        sources.night = night
        if rng.random() < 0.8:
            sources.edit()
        yield config, f"2024-06-0{night}T03:00:00Z"


def expected(store: Store | None, config: Config, now: str) -> Preview | str:
    try:
        return preview(store, config, now)
    except SimrecError as error:
        return str(error)


def done(store: Store, config: Config, now: str) -> Ingested | str:
    try:
        return ingest(store, config, now)
    except SimrecError as error:
        return str(error)


def counts(result: Ingested) -> tuple[Any, ...]:
    return (
        str(result),
        result.read,
        result.absent,
        result.withdrawn,
        sorted(result.statuses.items()),
        result.named,
        result.new_problems,
        result.due,
        str(result.failure),
    )


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def row_and_text_keys(store: Store) -> list[tuple[bytes, bytes]]:
    every = store.keys()
    return [(row_key, text_key) for _, row_key, text_key in every]


@pytest.mark.parametrize("seed", range(40))
def test_a_dry_run_counts_what_the_ingest_then_does(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "articles.db"
    for config, now in nights(tmp_path, seed):
        with Store.open(path, create=True) as store:
            before = content(path)
            foretold = expected(store, config, now)
            assert content(path) == before, "a dry run changes nothing"
            known = {row_key for row_key, _ in row_and_text_keys(store)}
            result = done(store, config, now)
            if isinstance(result, str):
                assert foretold == result
                continue
            assert isinstance(foretold, Preview), foretold
            assert counts(foretold.ingested) == counts(result)
            assert foretold.changes == result.new + result.changed + result.deleted
            keys = row_and_text_keys(store)
            new_keys = {text_key for row_key, text_key in keys if row_key not in known}
            assert new_keys <= foretold.text_keys <= set(store.text_keys())


def test_a_dry_run_without_a_store_counts_a_first_ingest(tmp_path: Path) -> None:
    for config, now in nights(tmp_path, 3):
        foretold = expected(None, config, now)
        path = tmp_path / f"{now[:10]}.db"
        with Store.open(path, create=True) as store:
            result = done(store, config, now)
        if isinstance(result, str):
            assert foretold == result
        else:
            assert isinstance(foretold, Preview), foretold
            assert counts(foretold.ingested) == counts(result)


def test_what_the_random_nights_try(tmp_path: Path) -> None:
    """They meet all that a dry run once did not know."""
    met: dict[str, int] = {}
    for seed in range(40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        for config, now in nights(folder, seed):
            with Store.open(folder / "articles.db", create=True) as store:
                result = done(store, config, now)
            if isinstance(result, str):
                met["refused"] = met.get("refused", 0) + 1
                continue
            for name in ("new", "changed", "unchanged", "absent", "withdrawn", "held", "due"):
                met[name] = met.get(name, 0) + bool(getattr(result, name))
            met["failure"] = met.get("failure", 0) + bool(result.failure)
            met["nothing read"] = met.get("nothing read", 0) + (not result.read)
    assert min(met.values()) >= 3 and len(met) == 10, met
