"""The facts of an index: how it was built and how good it is, for the manifest of a release."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class IndexFacts:
    """How an index was built and what recall@k it reached against exact search.

    effort is nprobe of inverted lists and efSearch of HNSW; the recall stands with its 95 % interval.
    learned_rows were there when the lists were learned, and `changed` came or went since. curve says
    what other efforts would have reached, ascending: effort, recall, and the share of all rows that
    is compared with a query.
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
    curve: Sequence[dict[str, float]] = field(default=(), hash=False)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "IndexFacts":
        """Read what `as_dict` gave; keys that other formats of a release have are ignored."""
        names = {known.name for known in fields(cls)}
        return cls(**{name: value for name, value in facts.items() if name in names})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
