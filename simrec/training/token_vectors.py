"""Token vectors to start training from: the articles' own latent semantic analysis."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.utils.extmath import randomized_svd

from simrec.training.batches import RaggedTokens

SVD_ITERATIONS = 7
NOISE = 0.01  # of dimensions beyond the rank of the corpus


def token_vectors(
    articles: list[list[int]], vocab_size: int, dim: int, seed: int
) -> NDArray[np.float32]:
    """Return [vocab_size, dim]; the mean over an article's tokens is its LSA vector.

    Latent semantic analysis (Deerwester et al. 1990) by randomised SVD (Halko et al. 2011) of the
    article-token matrix with log term frequency, inverse article frequency and unit rows. A row is
    the token's right singular vector times its inverse article frequency, so that an encoder which
    starts as the mean of these starts as good as LSA and not as noise. The root mean square of a
    row's length is 1; dimensions beyond the rank of the corpus are small noise.
    """
    rng = np.random.default_rng(seed)
    counts = count_matrix(articles, vocab_size)
    frequency = np.bincount(counts.indices, minlength=vocab_size)
    weights = np.log((1 + len(articles)) / (1 + frequency))
    _weigh(counts, weights)
    rank = min(dim, len(articles) - 1, vocab_size - 1)
    _, _, right = randomized_svd(counts, rank, n_iter=SVD_ITERATIONS, random_state=seed)
    vectors = rng.normal(0, NOISE, (vocab_size, dim))
    scale = np.sqrt(vocab_size / dim)
    vectors[:, :rank] += right.T * weights[:, None] * scale
    squares = (vectors**2).sum(axis=1)
    vectors /= np.sqrt(squares.mean())
    return vectors.astype(np.float32)


def _weigh(counts: csr_matrix, weights: NDArray[np.float64]) -> None:
    """Turn counts into unit rows of weighted log frequencies, in place."""
    frequencies = 1 + np.log(counts.data)
    counts.data = frequencies * weights[counts.indices]
    squares = counts.multiply(counts)
    norms = np.sqrt(np.asarray(squares.sum(axis=1)).ravel())
    row_lengths = np.diff(counts.indptr)
    counts.data /= np.repeat(np.maximum(norms, 1e-9), row_lengths)


def count_matrix(articles: list[list[int]], vocab_size: int) -> csr_matrix:
    """Return how often each article has each token: sparse float64 [articles, vocab_size]."""
    tokens = RaggedTokens(articles)
    rows = np.repeat(np.arange(len(tokens)), tokens.lengths)
    ones = np.ones(len(rows), dtype=np.float64)
    matrix = csr_matrix((ones, (rows, tokens.flat)), (len(tokens), vocab_size))
    matrix.sum_duplicates()
    return matrix
