"""Where training starts: from the articles, from an encoder, or from a teacher."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from tokenizers import Tokenizer

from simrec.config import Config
from simrec.encoder import model_folder as encoder_folder
from simrec.encoder.tokenizer import token_ids, train_tokenizer
from simrec.training.distillation import DistillationSet, read_distillation_set
from simrec.training.network import build_tower, set_weights
from simrec.training.onnx_export import read_weights
from simrec.training.starting_point import TeacherVocabulary
from simrec.training.token_vectors import count_matrix, token_vectors

RARE = 1e-3  # a of smooth inverse frequency, a / (a + p): Arora et al. 2017
SAMPLE = 50_000  # texts


class InitialTower(NamedTuple):
    """A tokenizer and a tower to train."""

    tokenizer: Tokenizer
    tower: keras.Model


def from_articles(texts: Iterable[tuple[str, str]], config: Config) -> InitialTower:
    """Learn words from titles and texts, and start as their latent semantic analysis."""
    articles = list(texts)
    tokenizer = train_tokenizer(
        (part for article in articles for part in article), config.encoder.vocab_size
    )
    tokens = list(
        token_ids(
            tokenizer,
            [f"{title}\n{text}"[: 8 * config.training.max_tokens] for title, text in articles],
        )
    )
    vectors = token_vectors(
        tokens, tokenizer.get_vocab_size(), config.encoder.dim, config.training.seed
    )
    return InitialTower(tokenizer, _tower(config, vectors))


def from_encoder(folder: Path, config: Config) -> InitialTower:
    """Start as an encoder of this shape: from its ONNX file alone, so that no Keras of another year is needed."""
    weights = read_weights((folder / encoder_folder.ONNX).read_bytes(), config.encoder)
    tower = _tower(config, weights.tokens)
    set_weights(tower, config.encoder, weights)
    return InitialTower(Tokenizer.from_file(str(folder / encoder_folder.TOKENIZER)), tower)


def from_teacher(
    taught: DistillationSet, vocabulary: TeacherVocabulary | None, axes: np.ndarray, config: Config
) -> InitialTower:
    """Start as the weighted mean of the teacher's vectors of single tokens, on some axes of its space.

    As in model2vec's distillation (Tulkens & van Dongen 2024). Where the teacher is only a file of
    texts and vectors, words are learned from the texts, and the vector of a token is the mean of
    those of the texts it stands in.
    """
    sample = taught.texts[:: max(1, len(taught.texts) // SAMPLE)]
    if vocabulary:
        tokenizer = Tokenizer.from_file(str(vocabulary.tokenizer))
        rows = list(token_ids(tokenizer, sample))
        vectors = read_distillation_set(
            [vocabulary.tokens], tokenizer.get_vocab_size()
        ).vectors.astype(np.float32)
    else:
        tokenizer = train_tokenizer(sample, config.encoder.vocab_size)
        rows = list(token_ids(tokenizer, sample))
        counts = count_matrix(rows, tokenizer.get_vocab_size())
        wanted = taught.vectors[:: max(1, len(taught.texts) // SAMPLE)].astype(np.float32)
        occurrences = np.asarray(counts.sum(axis=0)).ravel()
        vectors = (counts.T @ (wanted - wanted.mean(axis=0))) / np.maximum(occurrences, 1)[:, None]
    frequency = np.bincount(
        np.concatenate([np.asarray(row) for row in rows]), minlength=len(vectors)
    )
    start = (vectors @ axes) * (RARE / (RARE + frequency / frequency.sum()))[:, None]
    start /= np.sqrt((start**2).sum(axis=1).mean())
    return InitialTower(tokenizer, _tower(config, start.astype(np.float32)))


def principal_axes(vectors: np.ndarray, dim: int) -> np.ndarray:
    """Return float32 [teacher dim, dim]: the axes that keep most of the inner products between vectors.

    A teacher of fewer dimensions keeps its own, and the others stay zero.
    """
    sample = vectors[:: max(1, len(vectors) // SAMPLE)].astype(np.float32)
    _, axes = np.linalg.eigh(sample.T @ sample)
    axes = axes[:, ::-1][:, :dim]
    return np.pad(axes, ((0, 0), (0, dim - axes.shape[1]))).astype(np.float32)


def matching_axes(vectors: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return float32 [teacher dim, dim]: the axes on which the teacher's vectors lie nearest to the student's.

    Orthogonal Procrustes (Schönemann 1966), for a student that has a space of its own already.
    """
    left, _, right = np.linalg.svd(vectors.astype(np.float32).T @ given, full_matrices=False)
    return np.asarray(left @ right, dtype=np.float32)


def _tower(config: Config, token_vectors: np.ndarray) -> keras.Model:
    return build_tower(
        config.encoder, token_vectors, config.training.seed, config.training.truncate_tokens
    )
