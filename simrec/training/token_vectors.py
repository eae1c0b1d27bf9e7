"""Token vectors to start training from: the articles' own latent semantic analysis."""

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.utils.extmath import randomized_svd


def token_vectors(articles: list[list[int]], vocab_size: int, dim: int, seed: int) -> np.ndarray:
    """Return float32 [vocab_size, dim] whose mean over an article's tokens is its LSA vector.

    Latent semantic analysis (Deerwester et al. 1990) by randomised SVD (Halko et al. 2011) of the
    article-token matrix with log term frequency, inverse article frequency and unit rows. A row is
    the token's right singular vector times its inverse article frequency, so that an encoder which
    starts as the mean of these starts as good as LSA and not as noise. Rows have a root mean square
    of about 1 / sqrt(dim); dimensions beyond the rank of the corpus are small noise.
    """
    random = np.random.default_rng(seed)
    counts = count_matrix(articles, vocab_size)
    frequency = np.bincount(counts.indices, minlength=vocab_size)
    weight = np.log((1 + len(articles)) / (1 + frequency))
    counts.data = (1 + np.log(counts.data)) * weight[counts.indices]
    norms = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    counts.data /= np.repeat(np.maximum(norms, 1e-9), np.diff(counts.indptr))

    rank = min(dim, len(articles) - 1, vocab_size - 1)
    _, _, right = randomized_svd(counts, rank, n_iter=7, random_state=seed)
    vectors = random.normal(0, 0.01, (vocab_size, dim))
    vectors[:, :rank] += right.T * weight[:, None] * np.sqrt(vocab_size / dim)
    scaled: np.ndarray = vectors / np.sqrt((vectors**2).sum(axis=1).mean())
    return scaled.astype(np.float32)


def count_matrix(articles: list[list[int]], vocab_size: int) -> csr_matrix:
    """Return how often each article has each token: sparse float64 [articles, vocab_size]."""
    lengths = [len(article) for article in articles]
    columns = np.concatenate([np.asarray(article, dtype=np.int32) for article in articles])
    rows = np.repeat(np.arange(len(articles)), lengths)
    matrix = csr_matrix(
        (np.ones(len(columns), dtype=np.float64), (rows, columns)), (len(articles), vocab_size)
    )
    matrix.sum_duplicates()
    return matrix
