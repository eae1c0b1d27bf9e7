"""Ingest of hostile files, in this process."""

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from simrec.articles.ingest import ingest
from simrec.articles.ingested import Ingested
from simrec.articles.store import Store
from simrec.config import Config, IngestConfig, LimitsConfig, SourceConfig

NOW = "2026-01-01T00:00:00Z"


@dataclass
class Desk:
    """A folder of sources and the store that they are read into."""

    folder: Path
    limits: LimitsConfig = field(default_factory=LimitsConfig)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, *names: str, sync: bool = False) -> Ingested:
        """Ingest files or folders, each a source of its own."""
        config = Config(
            sources=tuple(SourceConfig(path=str(self.folder / name)) for name in names),
            ingest=IngestConfig(sync=sync, max_reject_share=1.0, max_delete_share=1.0),
            limits=self.limits,
        )
        with self.open() as store:
            return ingest(store, config, NOW)

    def open(self) -> AbstractContextManager[Store]:
        return Store.open(self.folder / "articles.db", create=True)

    def texts(self) -> dict[str, str]:
        """Return the whole text of every article by id."""
        with self.open() as store:
            return {article["id"]: article["text"] for article in store.lookup([], 1_000)}

    def problems(self) -> list[str]:
        with self.open() as store:
            return [reject.reason for reject in store.rejects()]


def jsonl(*rows: dict[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
