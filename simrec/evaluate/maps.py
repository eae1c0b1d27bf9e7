"""Maps: articles and accounts laid out in two dimensions, near ones near each other."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

MOST_POINTS = 1_000  # articles on the map; t-SNE of more costs more than the night may
MOST_ACCOUNTS = 300
ITERATIONS = 400
PERPLEXITY = 30
GROUPS = 8  # with a colour of their own
FEWEST_POINTS = 5


def layout(vectors: np.ndarray) -> np.ndarray:
    """Return places in [0, 1], [rows, 2], by t-SNE (van der Maaten & Hinton 2008); the same for the same vectors.

    One thread: the order in which several would add up is left to chance.
    """
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    with threadpool_limits(1):
        tsne = TSNE(2, init="pca", perplexity=perplexity, max_iter=ITERATIONS, random_state=0)
        places = tsne.fit_transform(np.asarray(vectors, np.float32))
    low, high = places.min(axis=0), places.max(axis=0)
    unit: np.ndarray = (places - low) / np.maximum(high - low, 1e-9)
    return unit


def articles_map(vectors: np.ndarray, labels: Sequence[str | None], titles: Sequence[str]) -> Any:
    """Return points (x, y, number of the group, title) and the names of the groups, the largest first.

    vectors [articles, dim] are unit rows, labels and titles theirs. The last group has no name: all labels that
    are too few to have a colour.
    """
    if len(vectors) < FEWEST_POINTS:
        return {"groups": [], "points": []}
    named = [name for name, _ in sorted(Counter(filter(None, labels)).items(), key=lambda pair: (-pair[1], pair[0]))]
    groups = named[:GROUPS]
    number = {name: place for place, name in enumerate(groups)}
    places = layout(vectors).round(4).tolist()
    points = [
        [x, y, number.get(label or "", len(groups)), title]
        for (x, y), label, title in zip(places, labels, titles, strict=True)
    ]
    return {"groups": groups, "points": points}


def accounts_map(ids: Sequence[str], matrix: np.ndarray, articles: Sequence[int]) -> Any:
    """Return points (x, y, articles, account) of the largest accounts; matrix [accounts, dim] are their unit rows."""
    largest = sorted(range(len(ids)), key=lambda row: (-articles[row], ids[row]))[:MOST_ACCOUNTS]
    if len(largest) < FEWEST_POINTS:
        return {"points": []}
    places = layout(matrix[largest]).round(4).tolist()
    return {"points": [[x, y, articles[row], ids[row]] for (x, y), row in zip(places, largest, strict=True)]}
