"""Training: articles in, a siamese encoder folder out, exported and checked against Keras."""

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tokenizers import Tokenizer

from simrec import files, log
from simrec.config import Config
from simrec.encoder import folder as encoder_folder
from simrec.encoder.network import build_siamese, build_tower
from simrec.encoder.onnx_export import export
from simrec.encoder.pairs import Pair, Tokens, batch_count, batches, draw_pair, pad
from simrec.encoder.runtime import Encoder
from simrec.encoder.token_vectors import token_vectors
from simrec.encoder.tokenizer import token_ids, train_tokenizer
from simrec.errors import GateError, SimrecError

FEWEST_ARTICLES = 20
MOST_TOKENS = 512  # of an article's body are read for training
DISTRACTORS = 2_000
WARM_UP = 0.05  # of the steps, then cosine decay to a tenth
PARITY = 1e-4  # largest difference of a vector's component between Keras and ONNX


def warm_up() -> None:
    """Start the backend, which writes about the machine to stderr when it does."""
    keras.ops.zeros(1)


Articles = list[tuple[str, str]]  # title and text of each


def train(articles: Articles, held_out: Articles, config: Config, folder: Path, facts: dict[str, Any]) -> str:
    """Train on articles without labels and fill a staged encoder folder; return the encoder's id.

    Nothing is learned from the articles held out, neither words nor weights; the weights kept are
    those of the epoch, or of the start, at which their passages found their neighbours best. `facts`
    go into the card. Raises GateError for a corpus too small to train on.
    """
    keras.utils.set_random_seed(config.training.seed)
    tokenizer = train_tokenizer((part for article in articles for part in article), config.encoder.vocab_size)
    tokens = list(_tokenize(tokenizer, articles))
    train_on = [article for article in tokens if article.pairable]
    judge_on = [article for article in _tokenize(tokenizer, held_out) if article.pairable]
    if len(train_on) < FEWEST_ARTICLES or not judge_on:
        raise GateError(
            f"cannot train on {len(train_on):,} articles with enough text and judge on {len(judge_on):,} held out "
            f"(of {len(articles) + len(held_out):,} in all); at least {FEWEST_ARTICLES} and 1 are needed"
        )
    vectors = token_vectors(
        [article.title + article.body for article in tokens],
        tokenizer.get_vocab_size(),
        config.encoder.dim,
        config.training.seed,
    )
    tower = build_tower(config.encoder, vectors, config.training.seed)
    history = _fit(tower, train_on, judge_on, config)

    _round_tokens(tower)
    files.write(folder / encoder_folder.TOKENIZER, tokenizer.to_str(pretty=False).encode())
    files.write(folder / encoder_folder.ONNX, export(tower, config.encoder))
    with files.atomic_path(folder / encoder_folder.KERAS) as temporary:
        tower.save(temporary.with_suffix(".keras"))
        temporary.with_suffix(".keras").replace(temporary)
    card = {**facts, "articles": len(articles), "held_out": len(held_out), "history": history}
    identity = encoder_folder.finish(folder, _runtime(config), card)
    check_parity(tower, Encoder(folder), [article.body[: config.encoder.window_tokens] for article in train_on[:200]])
    return identity


def _runtime(config: Config) -> encoder_folder.Runtime:
    encoder = config.encoder
    return encoder_folder.Runtime(encoder.cell, encoder.dim, encoder.window_tokens, encoder.max_windows)


def _tokenize(tokenizer: Tokenizer, articles: Articles) -> Iterator[Tokens]:
    titles = token_ids(tokenizer, [title for title, _ in articles])
    bodies = token_ids(tokenizer, [text[: MOST_TOKENS * 8] for _, text in articles])
    for (title, _), title_ids, body_ids in zip(articles, titles, bodies, strict=True):
        yield Tokens(title_ids if title else [], body_ids[:MOST_TOKENS])


def _fit(tower: keras.Model, train_on: list[Tokens], held_out: list[Tokens], config: Config) -> list[dict[str, float]]:
    """Train the tower in place; return loss and held-out score before the first and after each epoch."""
    training = config.training
    steps = batch_count(len(train_on), training)
    siamese = build_siamese(tower, training.temperature)
    siamese.compile(_optimizer(training.epochs * steps, config), _loss())
    pairs, distractors = _held_out_pairs(train_on, held_out, config)
    best = held_out_mrr(tower, pairs, distractors)
    history = [{"epoch": 0.0, "held_out_mrr": best}]
    weights = tower.get_weights()
    with log.progress("train", total=training.epochs * steps * training.batch_size, unit="pairs") as bar:
        for epoch in range(1, training.epochs + 1):
            losses = []
            for batch in batches(train_on, training, epoch):
                left, right = (pad(list(side)) for side in zip(*batch, strict=True))
                losses.append(siamese.train_on_batch((left, right), np.arange(len(batch))))
                bar.update(len(batch))
            score = held_out_mrr(tower, pairs, distractors)
            history.append({"epoch": epoch, "loss": float(np.mean(losses)), "held_out_mrr": score})
            bar.set_postfix(held_out_mrr=f"{score:.3f}")
            if score > best:
                best, weights = score, tower.get_weights()
    tower.set_weights(weights)
    return history


def _optimizer(steps: int, config: Config) -> keras.optimizers.Optimizer:
    peak = config.training.learning_rate
    schedule = keras.optimizers.schedules.CosineDecay(
        peak / 10, max(1, steps), alpha=0.1, warmup_target=peak, warmup_steps=int(WARM_UP * steps)
    )
    return keras.optimizers.Adam(schedule, global_clipnorm=config.training.clip_norm)


def _loss() -> keras.losses.Loss:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _held_out_pairs(
    train_on: list[Tokens], held_out: list[Tokens], config: Config
) -> tuple[list[Pair], list[list[int]]]:
    """Return the pairs to score with, and passages of other articles that make finding them hard."""
    chance = random.Random(config.training.seed)
    pairs = [draw_pair(article, config.training, chance) for article in held_out]
    return pairs, [draw_pair(article, config.training, chance)[0] for article in train_on[:DISTRACTORS]]


def held_out_mrr(tower: keras.Model, pairs: list[Pair], distractors: list[list[int]]) -> float:
    """Return the mean reciprocal rank at which a left text finds its right one among all and the distractors."""
    left = _predict(tower, [left for left, _ in pairs])
    right = _predict(tower, [right for _, right in pairs] + distractors)
    scores = left @ right.T
    ranks = (scores >= np.diag(scores)[:, None]).sum(axis=1)
    return float((1 / ranks).mean())


def _predict(tower: keras.Model, rows: list[list[int]], batch: int = 128) -> np.ndarray:
    return np.concatenate(
        [tower.predict_on_batch(pad(rows[start : start + batch])) for start in range(0, len(rows), batch)]
    )


def _round_tokens(tower: keras.Model) -> None:
    """Round the token embeddings to half precision, as they are exported, so that parity can be tight."""
    layer = tower.get_layer("tokens")
    layer.set_weights([values.astype(np.float16).astype(np.float32) for values in layer.get_weights()])


def check_parity(tower: keras.Model, encoder: Encoder, rows: list[list[int]]) -> None:
    """Raise unless the exported network gives the vectors of the Keras one, for many lengths and for one token."""
    rows = [*rows, *(row[:length] for length, row in enumerate(islice(rows, 40), start=1))]
    difference = float(np.abs(_predict(tower, rows) - encoder.run(rows)).max())
    if not difference < PARITY:
        raise SimrecError(f"the ONNX export differs from the Keras encoder by {difference:.2g}; this is a bug")
