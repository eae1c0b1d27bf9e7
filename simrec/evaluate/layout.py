"""The layout of a map: rows that are near each other in many dimensions get places near each other in two."""

import numpy as np
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

ITERATIONS = 400
PERPLEXITY = 30


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
