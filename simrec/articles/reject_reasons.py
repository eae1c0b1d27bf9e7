"""Reasons: rejects of the same kind are counted together."""

import re
from collections import Counter
from collections.abc import Iterable

from simrec.articles.store_writer import NOT_READ, NOTE, REMARK, Reject
from simrec.files import JsonObject

# What differs from row to row: quoted values, numbers, and what follows in parentheses.
QUOTED = re.compile(r"(['\"])(?:\\.|(?!\1).)*\1")
NUMBER = re.compile(r"(?<![\w-])(?:\d[\d,.]*\d|\d)")  # not those of UTF-8 or cp1252
ADVICE = re.compile(r"\s*\([^()]*\)")
# What a reason is about, by how it begins; any other is of a rejected row.
SUBJECTS = {NOTE: "value dropped", REMARK: "note", NOT_READ: "source not read"}
REJECTED = "row rejected"
ID = re.compile(r"^id '(?:\\.|[^'])*': ")


def count_by_reason(rejects: Iterable[Reject]) -> list[JsonObject]:
    """Return how many rejects have which reason, most frequent first, each with an example."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for reject in rejects:
        reason = kind_of(reject.reason)
        counts[reason] += 1
        examples.setdefault(reason, str(reject))
    return [
        {"count": count, "reason": reason, "example": examples[reason]}
        for reason, count in counts.most_common()
    ]


def subject_of(reason: str) -> str:
    """Return what a reason is about: a row, a value, a whole source, or something to be noted."""
    for beginning, subject in SUBJECTS.items():
        if reason.startswith(beginning):
            return subject
    return REJECTED


def kind_of(reason: str) -> str:
    """Return a reason without the values of its row."""
    reason = QUOTED.sub("…", ID.sub("", reason).partition("; the fields are")[0])
    return NUMBER.sub("…", ADVICE.sub("", reason))
