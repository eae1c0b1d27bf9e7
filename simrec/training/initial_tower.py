"""The initial tower: made from the articles, an encoder or a teacher."""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from simrec.config import Config
from simrec.encoder import model_folder
from simrec.encoder.tokenizer import token_ids, train_tokenizer
from simrec.errors import ConfigError
from simrec.training.batches import RaggedTokens
from simrec.training.corpus import MAX_CHARS_PER_TOKEN, Articles
from simrec.training.distillation import DistillationSet, read_distillation_set
from simrec.training.joint_lessons import centred
from simrec.training.network import build_tower, remember_longer, set_weights, weights_of
from simrec.training.onnx_export import read_weights
from simrec.training.starting_point import TeacherVocabulary
from simrec.training.token_vectors import count_matrix, token_vectors

Floats = NDArray[np.float32]
SIF = 1e-3  # a of smooth inverse frequency, a / (a + p): Arora et al. 2017
SAMPLE_TEXTS = 200_000


class InitialTower(NamedTuple):
    """A tokenizer and a tower to train."""

    tokenizer: Tokenizer
    tower: keras.Model


class TokenStart(NamedTuple):
    """A tokenizer, the teacher's vector of each token, and the token ids of a sample of texts."""

    tokenizer: Tokenizer
    vectors: Floats
    sample_ids: list[list[int]]


def from_articles(articles: Articles, config: Config) -> InitialTower:
    """Learn a vocabulary from titles and texts, and start as their latent semantic analysis."""
    parts = (part for article in articles for part in article)
    tokenizer = train_tokenizer(parts, config.encoder.vocab_size)
    max_chars = MAX_CHARS_PER_TOKEN * config.training.max_tokens
    texts = [f"{title}\n{text}"[:max_chars] for title, text in articles]
    vectors = token_vectors(
        list(token_ids(tokenizer, texts)),
        tokenizer.get_vocab_size(),
        config.encoder.dim,
        config.training.seed,
    )
    return InitialTower(tokenizer, _tower(config, vectors))


def from_encoder(folder: Path, config: Config) -> InitialTower:
    """Start as an encoder of this shape: from its ONNX file alone, whatever Keras wrote it."""
    weights = read_weights((folder / model_folder.ONNX).read_bytes(), config.encoder)
    tower = _tower(config, weights.tokens)
    set_weights(tower, config.encoder, weights)
    return InitialTower(Tokenizer.from_file(str(folder / model_folder.TOKENIZER)), tower)


def from_teacher(
    data: DistillationSet,
    vocabulary: TeacherVocabulary | None,
    axes: Floats,
    config: Config,
) -> InitialTower:
    """Start as the weighted mean of the teacher's vectors of single tokens, on axes of its space.

    As in model2vec's distillation (Tulkens & van Dongen 2024). Where the teacher is only a file of
    texts and vectors, a vocabulary is learned from the texts, and the vector of a token is the mean
    of those of the texts it stands in.
    """
    every = max(1, len(data.texts) // SAMPLE_TEXTS)
    sample = DistillationSet(data.texts[::every], data.vectors[::every])
    given = config.pretraining.vocabulary
    if given:
        start = _from_texts(sample, _open_tokenizer(Path(given)))
    elif vocabulary:
        start = _own_vocabulary(sample.texts, vocabulary)
    else:
        start = _from_texts(sample, train_tokenizer(sample.texts, config.encoder.vocab_size))
    ids = RaggedTokens(start.sample_ids)
    frequency = np.bincount(ids.flat, minlength=len(start.vectors))
    weights = SIF / (SIF + frequency / frequency.sum())
    tokens = (start.vectors @ axes) * weights[:, None]
    squares = (tokens**2).sum(axis=1)
    tokens /= np.sqrt(squares.mean())
    return InitialTower(start.tokenizer, _tower(config, tokens.astype(np.float32)))


def _own_vocabulary(texts: list[str], vocabulary: TeacherVocabulary) -> TokenStart:
    tokenizer = Tokenizer.from_file(str(vocabulary.tokenizer))
    data = read_distillation_set([vocabulary.tokens], tokenizer.get_vocab_size())
    ids = list(token_ids(tokenizer, texts))
    return TokenStart(tokenizer, centred(data.vectors), ids)


def _open_tokenizer(path: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ConfigError(f"{path}: no tokenizer ({error})") from error
    return tokenizer


def _from_texts(sample: DistillationSet, tokenizer: Tokenizer) -> TokenStart:
    """Give each token the mean of the vectors of the texts it stands in."""
    ids = list(token_ids(tokenizer, sample.texts))
    counts = count_matrix(ids, tokenizer.get_vocab_size())
    occurrences = np.asarray(counts.sum(axis=0)).ravel()
    text_vectors = sample.vectors.astype(np.float32)
    sums = counts.T @ (text_vectors - text_vectors.mean(axis=0))
    return TokenStart(tokenizer, sums / np.maximum(occurrences, 1)[:, None], ids)


def principal_axes(vectors: NDArray[np.floating], dim: int) -> Floats:
    """Return [teacher dim, dim]: the axes that keep most of the inner products between vectors.

    A teacher of fewer dimensions keeps its own, and the others stay zero.
    """
    sample = vectors[:: max(1, len(vectors) // SAMPLE_TEXTS)].astype(np.float32)
    _, ascending = np.linalg.eigh(sample.T @ sample)
    largest = ascending[:, ::-1][:, :dim]
    axes = np.zeros((len(largest), dim), np.float32)
    axes[:, : largest.shape[1]] = largest
    return axes


def matching_axes(vectors: NDArray[np.floating], student_vectors: Floats) -> Floats:
    """Return [teacher dim, dim]: the axes on which teacher's and student's vectors lie nearest.

    Orthogonal Procrustes (Schönemann 1966), for a student that has a space of its own already.
    """
    products = vectors.astype(np.float32).T @ student_vectors
    left, _, right = np.linalg.svd(products, full_matrices=False)
    return np.asarray(left @ right, dtype=np.float32)


def _tower(config: Config, vectors: Floats) -> keras.Model:
    training = config.training
    tower = build_tower(config.encoder, vectors, training.seed, training.truncate_tokens)
    if training.gate_memory:
        weights = weights_of(tower, config.encoder)
        cell = config.encoder.cell
        longer = remember_longer(weights, cell, training.gate_memory, training.seed)
        set_weights(tower, config.encoder, longer)
    return tower
