"""The facts of an index: how it was built and how good it is, for the manifest of a release."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from simrec import files
from simrec.files import JsonObject


@dataclass(frozen=True)
class Recall:
    """The recall@k of a sample of queries, and the 95 % interval of its mean from low to high."""

    recall: float = 1.0
    low: float = 1.0
    high: float = 1.0
    k: int = 0
    queries: int = 0


@dataclass(frozen=True)
class CurvePoint:
    """What an effort reaches: the share of all rows that is compared with a query, and recall@k."""

    effort: int
    compared: float
    recall: float


@dataclass(frozen=True)
class IndexFacts:
    """How an index was built and what recall@k it reached against exact search.

    effort is nprobe of inverted lists and efSearch of HNSW. recall_low to recall_high is the 95 %
    interval of the recall. The lists were learned from learned_rows rows, and `changed` rows came
    or went since. curve says what other efforts would have reached, ascending.
    """

    kind: str
    rows: int
    dim: int
    lists: int = 0
    effort: int = 0
    recall: float = 1.0
    recall_low: float = 1.0
    recall_high: float = 1.0
    recall_k: int = 0
    recall_queries: int = 0
    learned_rows: int = 0
    changed: int = 0
    curve: tuple[CurvePoint, ...] = ()

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "IndexFacts":
        """Return the facts that `as_dict` gave; keys of other formats of a release are ignored."""
        names = {field.name for field in fields(cls)}
        known = {name: value for name, value in content.items() if name in names}
        known["curve"] = tuple(CurvePoint(**point) for point in known.get("curve", ()))
        return cls(**known)

    @classmethod
    def read(cls, path: Path) -> "IndexFacts":
        """Read the facts from a JSON file."""
        return cls.from_dict(json.loads(path.read_bytes()))

    def as_dict(self) -> JsonObject:
        """Return the facts as JSON has them."""
        return asdict(self)

    def write(self, path: Path) -> None:
        """Write the facts as a JSON file, whole or not at all."""
        files.write_json(path, self.as_dict())
