"""Training: articles, pairs and lessons in, an encoder folder out, exported and checked against Keras."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np
from keras import layers

from simrec import files
from simrec.config import Config, TrainingConfig
from simrec.encoder import model_folder as encoder_folder
from simrec.encoder.runtime import Encoder
from simrec.errors import SimrecError
from simrec.training.corpus import FEWEST_ARTICLES, TrainingCorpus
from simrec.training.dataset import Dataset
from simrec.training.gradient_flow import gradient_reach
from simrec.training.initial_tower import (
    InitialTower,
    from_articles,
    from_encoder,
    from_teacher,
    principal_axes,
)
from simrec.training.network import MaskedMean, set_weights, weights_of
from simrec.training.onnx_export import export, round_tokens
from simrec.training.pairs import Ids
from simrec.training.plots import write_training
from simrec.training.starting_point import StartingPoint
from simrec.training.trainer import History, encoder_of, fit

PARITY = 1e-4  # largest difference of a vector's component between Keras and ONNX
CHECKPOINT, TOKENS_CHECKPOINT = "checkpoint.npz", "tokens.npz"
CHECKED = 400  # texts whose vectors are compared


def warm_up() -> None:
    """Start the backend, which writes about the machine to stderr when it does."""
    keras.ops.zeros(1)


@dataclass(frozen=True)
class Trained:
    """The id of the encoder, for every epoch the losses and what the judges said, and gradients by distance in time."""

    encoder_id: str
    history: History
    gradient_norms: list[float]


def train(
    begin: StartingPoint,
    material: TrainingCorpus,
    config: Config,
    staged: Path,
    facts: dict[str, Any],
) -> Trained:
    """Train from where it is to begin, and fill a staged encoder folder.

    The weights kept are those of the epoch, or of the start, that was best on what was held out. A
    killed training goes on from the checkpoint in the folder. `facts` go into the card. Raises
    GateError where there is too little to train on.
    """
    keras.utils.set_random_seed(config.training.seed)
    start, axes = _start(begin, material, config)
    tokenized = Dataset(material, start.tokenizer, axes, config)
    training, tower = config.training, start.tower
    if training.token_epochs and not (staged / CHECKPOINT).exists():
        _fit_tokens(tower, tokenized, training, staged)
    history = fit(
        tower,
        tokenized.tasks(training, tower),
        tokenized.judges(tower),
        training,
        staged / CHECKPOINT,
    )
    texts = tokenized.some_texts(CHECKED)
    norms = gradient_reach(tower, config.encoder, texts, training.seed)
    write_training(staged / encoder_folder.PLOT, history, norms)
    identity = _finish(
        start, config, staged, {**facts, "history": history, "gradient_reach": norms}
    )
    check_parity(tower, Encoder(staged), texts)
    for name in (CHECKPOINT, TOKENS_CHECKPOINT):
        files.remove(staged / name)
    return Trained(identity, history, norms)


def _start(
    begin: StartingPoint, material: TrainingCorpus, config: Config
) -> tuple[InitialTower, np.ndarray | None]:
    if begin.encoder:
        return from_encoder(begin.encoder, config), None
    if begin.kind == "articles":
        if len(material.articles) < FEWEST_ARTICLES:
            raise material.refuse(len(material.articles), len(material.held_out))
        return from_articles(material.articles, config), None
    axes = principal_axes(material.taught.vectors, config.encoder.dim)
    return from_teacher(material.taught, begin.vocabulary, axes, config), axes


def _fit_tokens(
    tower: keras.Model, tokenized: Dataset, training: TrainingConfig, staged: Path
) -> None:
    """Train the token embeddings first, as an encoder that is their mean.

    Without the recurrence a step costs a twentieth, so that every rare word is met often and a batch
    can be large; the recurrence then learns what the mean leaves to be said.
    """
    ids = keras.Input((None,), dtype="int32")
    mean = MaskedMean()(tower.get_layer("tokens")(ids))
    tokens_only = keras.Model(ids, layers.UnitNormalization()(mean), name="tokens_only")
    training = msgspec.structs.replace(
        training,
        epochs=training.token_epochs,
        batch_size=training.token_batch_size,
        learning_rate=training.token_learning_rate,
    )
    fit(
        tokens_only,
        tokenized.tasks(training, tokens_only),
        [],
        training,
        staged / TOKENS_CHECKPOINT,
    )


def _finish(start: InitialTower, config: Config, staged: Path, card: dict[str, Any]) -> str:
    weights = weights_of(start.tower, config.encoder)
    weights = weights._replace(tokens=round_tokens(weights.tokens))
    set_weights(start.tower, config.encoder, weights)
    files.write(staged / encoder_folder.TOKENIZER, start.tokenizer.to_str(pretty=False).encode())
    files.write(staged / encoder_folder.ONNX, export(weights, config.encoder))
    with files.atomic_path(staged / encoder_folder.KERAS) as temporary:
        start.tower.save(temporary.with_suffix(".keras"))
        temporary.with_suffix(".keras").replace(temporary)
    return encoder_folder.finish(staged, encoder_folder.Runtime.of(config.encoder), card)


def check_parity(tower: keras.Model, encoder: Encoder, rows: list[Ids]) -> None:
    """Raise unless the exported network gives the vectors of the Keras one, for many lengths and for one token."""
    rows = [*rows, *(row[:length] for length, row in enumerate(islice(rows, 40), start=1))]
    difference = float(np.abs(encoder_of(tower)(rows) - encoder.run(rows)).max())
    if not difference < PARITY:
        raise SimrecError(
            f"the ONNX export differs from the Keras encoder by {difference:.2g}; this is a bug"
        )
