"""Maps: articles and accounts in two dimensions, near ones near each other, and where they were the night before."""

import hashlib
import heapq
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

MOST_POINTS = 1_000  # articles on the map; t-SNE of more costs more than the night may
MOST_ACCOUNTS = 300
GROUPS = 8  # with a colour of their own
FEWEST_POINTS = 5
BESIDE = 5  # neighbours that a new point is put between
MOST_ADDED = 0.2  # of the points: with more new ones since it was laid out, a map is laid out anew


class PlacedPoints(NamedTuple):
    """A map of the night before: places by the marks of its points, and how many were added since it was laid out."""

    places: Mapping[str, Sequence[float]]
    added: int

    @classmethod
    def of(cls, stored: dict[str, Any], marks: Sequence[str]) -> "PlacedPoints":
        """Take it from a part of map.json; that of an older simrec has no marks, and nothing is known of it."""
        return cls(
            dict(zip(marks, (point[:2] for point in stored["points"]), strict=False)),
            stored.get("added", 0),
        )


NOTHING = PlacedPoints({}, 0)


def drawn(ids: Sequence[str]) -> list[int]:
    """Return the rows of the articles that are on the map, those whose ids have the lowest checksums, in that order.

    So they are the same every night.
    """
    return heapq.nsmallest(
        MOST_POINTS, range(len(ids)), key=lambda row: zlib.crc32(ids[row].encode())
    )


def mark(article_id: str, vector: np.ndarray) -> str:
    """Return what tells whether an article was on a map before with the very vector that is stored of it now."""
    return hashlib.blake2b(
        article_id.encode() + b"\0" + vector.tobytes(), digest_size=6
    ).hexdigest()


def outgrown(marks: Sequence[str], known: PlacedPoints) -> bool:
    """Tell whether so many points are new since a map was laid out that it has to be laid out anew."""
    return known.added + sum(one not in known.places for one in marks) > MOST_ADDED * len(marks)


def places(
    marks: Sequence[str], vectors: np.ndarray, known: PlacedPoints
) -> tuple[np.ndarray, int]:
    """Return places in [0, 1], [rows, 2], and how many points were added since the map was laid out.

    What was on the map of the night before stays where it was, so that readers find it again and a night costs
    little; what was not is put in the middle of those that stay and are nearest to it. vectors are unit rows.
    """
    if outgrown(marks, known):
        from simrec.evaluate.layout import layout

        return layout(vectors).round(4), 0
    stays = np.array([one in known.places for one in marks])
    found = np.array([known.places.get(one, (0, 0)) for one in marks], np.float64)
    nearest = np.argsort(-(vectors[~stays] @ vectors[stays].T), axis=1, kind="stable")[:, :BESIDE]
    found[~stays] = found[stays][nearest].mean(axis=1).round(4)
    return found, known.added + int((~stays).sum())


def articles_map(
    marks: Sequence[str],
    vectors: np.ndarray,
    labels: Sequence[str | None],
    titles: Sequence[str],
    known: PlacedPoints,
) -> Any:
    """Return points (x, y, number of the group, title) and the names of the groups, the largest first.

    vectors [articles, dim] are unit rows, marks, labels and titles theirs. The last group has no name: all labels
    that are too few to have a colour.
    """
    if len(vectors) < FEWEST_POINTS:
        return {"groups": [], "points": [], "marks": [], "added": 0}
    named = [
        name
        for name, _ in sorted(
            Counter(filter(None, labels)).items(), key=lambda pair: (-pair[1], pair[0])
        )
    ]
    groups = named[:GROUPS]
    number = {name: place for place, name in enumerate(groups)}
    found, added = places(marks, vectors, known)
    points = [
        [x, y, number.get(label or "", len(groups)), title]
        for (x, y), label, title in zip(found.tolist(), labels, titles, strict=True)
    ]
    return {"groups": groups, "points": points, "marks": list(marks), "added": added}


def accounts_map(
    ids: Sequence[str], matrix: np.ndarray, articles: Sequence[int], known: PlacedPoints
) -> Any:
    """Return points (x, y, articles, account) of the largest accounts; matrix [accounts, dim] are their unit rows.

    An account that is known stays where it is, although it moves a little whenever it publishes.
    """
    largest = sorted(range(len(ids)), key=lambda row: (-articles[row], ids[row]))[:MOST_ACCOUNTS]
    if len(largest) < FEWEST_POINTS:
        return {"points": [], "added": 0}
    found, added = places([ids[row] for row in largest], matrix[largest], known)
    points = [
        [x, y, articles[row], ids[row]] for (x, y), row in zip(found.tolist(), largest, strict=True)
    ]
    return {"points": points, "added": added}
