"""Reasons: rejects of the same kind are counted together."""

import re
from collections import Counter
from collections.abc import Iterable

from simrec.articles.store_writer import Reject
from simrec.files import JsonObject

# What differs from row to row: quoted values, numbers, and what follows in parentheses.
QUOTED = re.compile(r"(['\"])(?:\\.|(?!\1).)*\1")
NUMBER = re.compile(r"\d[\d,.]*\d|\d")
REMARK = re.compile(r"\s*\([^()]*\)")
ID = re.compile(r"^id '(?:\\.|[^'])*': ")


def count_by_reason(rejects: Iterable[Reject]) -> list[JsonObject]:
    """Return how many rejects have which reason, most frequent first, each with an example."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for reject in rejects:
        reason = _kind(reject.reason)
        counts[reason] += 1
        examples.setdefault(reason, str(reject))
    return [
        {"count": count, "reason": reason, "example": examples[reason]}
        for reason, count in counts.most_common()
    ]


def _kind(reason: str) -> str:
    """Return a reason without the values of its row."""
    reason = QUOTED.sub("…", ID.sub("", reason).partition("; the fields are")[0])
    return NUMBER.sub("…", REMARK.sub("", reason))
