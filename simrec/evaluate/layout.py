"""The layout of a map: t-SNE of vectors."""

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

ITERATIONS = 400
PERPLEXITY = 30


def layout(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return places in [0, 1], [rows, 2], by t-SNE (van der Maaten & Hinton 2008).

    One thread gives equal vectors equal places; several add up in an order that differs.
    """
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    with threadpool_limits(1):
        tsne = TSNE(2, init="pca", perplexity=perplexity, max_iter=ITERATIONS, random_state=0)
        places = tsne.fit_transform(np.asarray(vectors, np.float32))
    low = places.min(axis=0)
    extent = np.maximum(places.max(axis=0) - low, 1e-9)
    in_unit_square: NDArray[np.float32] = (places - low) / extent
    return in_unit_square
