"""Projection: articles and accounts as points of a map that changes little from night to night."""

import hashlib
import heapq
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec.evaluate.layout import layout
from simrec.evaluate.report_format import AccountMap, AccountPoint, ArticleMap, ArticlePoint

MAX_ARTICLES = 1_000  # t-SNE of more costs more than the night may
MAX_ACCOUNTS = 300
MAX_GROUPS = 8  # with a colour of their own
MIN_POINTS = 5
NEIGHBOURS = 5  # that a new point is put between
MAX_ADDED = 0.2  # share of points that are new since the layout; with more there is a new one

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class PlacedPoints:
    """A map of the release before: places by mark, and how many were added since its layout."""

    places: Mapping[str, Sequence[float]]
    added: int


NO_MAP = PlacedPoints({}, 0)


def sample_rows(ids: Sequence[str]) -> list[int]:
    """Return the rows of the articles on the map, those whose ids have the lowest CRC-32.

    So they are the same every night.
    """
    rows = range(len(ids))
    return heapq.nsmallest(MAX_ARTICLES, rows, key=lambda row: zlib.crc32(ids[row].encode()))


def mark(article_id: str, vector: NDArray[Any]) -> str:
    """Return a hash of an article's id and stored vector: an equal one is the same point."""
    content = article_id.encode() + b"\0" + vector.tobytes()
    return hashlib.blake2b(content, digest_size=6).hexdigest()


def needs_layout(marks: Sequence[str], previous: PlacedPoints) -> bool:
    """Tell whether too many points are new since the layout of the previous map."""
    new = sum(mark not in previous.places for mark in marks)
    return previous.added + new > MAX_ADDED * len(marks)


def place_points(
    marks: Sequence[str], vectors: Vectors, previous: PlacedPoints
) -> tuple[NDArray[Any], int]:
    """Return places in [0, 1], [rows, 2], and how many points were added since the layout.

    A point of the previous map stays where it was, so that readers find it again; a new point is
    put in the middle of the old ones nearest to it. vectors are unit rows.
    """
    if needs_layout(marks, previous):
        return layout(vectors).round(4), 0
    is_old = np.array([mark in previous.places for mark in marks])
    is_new = ~is_old
    places = np.array([previous.places.get(mark, (0, 0)) for mark in marks], np.float64)
    cosines = vectors[is_new] @ vectors[is_old].T
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :NEIGHBOURS]
    places[is_new] = places[is_old][nearest].mean(axis=1).round(4)
    return places, previous.added + int(is_new.sum())


def project_articles(
    marks: Sequence[str],
    vectors: Vectors,
    labels: Sequence[str | None],
    titles: Sequence[str],
    previous: PlacedPoints,
    kind: str,
) -> ArticleMap:
    """Return the map of articles, in groups by label; vectors [articles, dim] are unit rows.

    Labels that are too few to have a colour are in one last group without a name. kind says what
    the labels are.
    """
    if len(vectors) < MIN_POINTS:
        return ArticleMap(coloured_by=None, groups=[], points=[], marks=[], added=0)
    groups = _largest_groups(labels)
    group_of = {label: group for group, label in enumerate(groups)}
    places, added = place_points(marks, vectors, previous)
    points = []
    for (x, y), label, title in zip(places.tolist(), labels, titles, strict=True):
        group = group_of.get(label or "", len(groups))
        points.append(ArticlePoint(x, y, group, title))
    return ArticleMap(
        coloured_by=kind if groups else None,
        groups=groups,
        points=points,
        marks=list(marks),
        added=added,
    )


def _largest_groups(labels: Sequence[str | None]) -> list[str]:
    """Return the most frequent labels, the largest first and ties by name."""
    counts = Counter(label for label in labels if label)
    ordered = sorted(counts, key=lambda label: (-counts[label], label))
    return ordered[:MAX_GROUPS]


def project_accounts(
    accounts: Sequence[str], vectors: Vectors, sizes: Sequence[int], previous: PlacedPoints
) -> AccountMap:
    """Return the map of the largest accounts; vectors [accounts, dim] are unit rows.

    An account of the previous map stays there, although it moves a little with each article.
    """
    ordered = sorted(range(len(accounts)), key=lambda row: (-sizes[row], accounts[row]))
    largest = ordered[:MAX_ACCOUNTS]
    if len(largest) < MIN_POINTS:
        return AccountMap(points=[], added=0)
    names = [accounts[row] for row in largest]
    places, added = place_points(names, vectors[largest], previous)
    points = []
    for (x, y), row in zip(places.tolist(), largest, strict=True):
        points.append(AccountPoint(x, y, sizes[row], accounts[row]))
    return AccountMap(points=points, added=added)
