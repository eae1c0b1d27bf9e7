"""Train an encoder: a corpus in, an encoder folder out, exported and compared with Keras."""

from dataclasses import dataclass
from pathlib import Path

import keras
import msgspec
import numpy as np
from keras import layers
from numpy.typing import NDArray

from simrec import files
from simrec.config import Config, EncoderConfig, TrainingConfig
from simrec.encoder import model_folder
from simrec.encoder.model_folder import EncoderCard
from simrec.encoder.runtime import Encoder
from simrec.errors import SimrecError
from simrec.training.corpus import MIN_ARTICLES, TrainingCorpus
from simrec.training.dataset import Dataset
from simrec.training.gradient_flow import gradient_norms
from simrec.training.initial_tower import (
    InitialTower,
    from_articles,
    from_encoder,
    from_teacher,
    principal_axes,
)
from simrec.training.network import MaskedMean, Weights, set_weights, weights_of
from simrec.training.onnx_export import export, round_tokens
from simrec.training.pairs import TokenIds
from simrec.training.plots import write_training
from simrec.training.starting_point import StartingPoint
from simrec.training.trainer import Checkpoint, History, encoder_of, fit

PARITY = 1e-4  # largest difference of a vector's component between Keras and ONNX
PARITY_TEXTS = 400
CUT_TEXTS = 40  # of these, also cut to 1, 2, 3, ... tokens
CHECKPOINT = "checkpoint.npz"
TOKENS_CHECKPOINT = "tokens.npz"


def warm_up() -> None:
    """Start the backend, which writes about the machine to stderr when it does."""
    keras.ops.zeros(1)


@dataclass(frozen=True)
class TrainingRun:
    """What the card says of a training besides its configuration: its plan, and when it began."""

    plan: str = ""
    created_at: str = ""


@dataclass(frozen=True)
class Trained:
    """The id of the encoder, losses and validation of every epoch, and gradients by distance."""

    encoder_id: str
    history: History
    gradient_norms: list[float]

    @property
    def start(self) -> dict[str, float]:
        """Return what was measured before the first epoch."""
        return self.history[0]

    @property
    def best(self) -> dict[str, float]:
        """Return the epoch, or the start, whose weights were kept."""
        return max(self.history, key=lambda epoch: epoch["score"])


def train(
    start: StartingPoint, corpus: TrainingCorpus, config: Config, staged: Path, run: TrainingRun
) -> Trained:
    """Train from a starting point, and fill a staged encoder folder.

    The weights kept are those of the epoch, or of the start, that validated best; of a start that
    is an encoder they keep a share. A killed training goes on from the checkpoint in the folder.
    Raises GateError where there is too little to train on.
    """
    training = config.training
    keras.utils.set_random_seed(training.seed)
    initial, axes = _initial_tower(start, corpus, config)
    dataset = Dataset(corpus, initial.tokenizer, axes, config)
    started_from = initial.tower.get_weights()
    history = _fit(initial.tower, dataset, training, staged)
    if start.encoder:
        keep_start(initial.tower, started_from, training.start_share)
    texts = dataset.sample(PARITY_TEXTS)
    norms = gradient_norms(initial.tower, config.encoder, texts, training.seed)
    write_training(staged / model_folder.PLOT, history, norms)
    card = _card(start, corpus, config, run)
    card = msgspec.structs.replace(card, history=history, gradient_reach=norms)
    encoder_id = _write_encoder(initial, config, staged, card)
    check_parity(initial.tower, Encoder(staged), texts)
    files.remove(staged / CHECKPOINT)
    files.remove(staged / TOKENS_CHECKPOINT)
    return Trained(encoder_id, history, norms)


def keep_start(tower: keras.Model, start: list[NDArray[np.float32]], share: float) -> None:
    """Move all weights back towards those of the start, by a share of the way.

    The average of an encoder and of what it was fine-tuned to keeps most of what both know
    (Wortsman et al. 2022). Weights that did not move stay as they are, to the bit.
    """
    averaged = []
    for before, after in zip(start, tower.get_weights(), strict=True):
        averaged.append(after + np.float32(share) * (before - after))
    tower.set_weights(averaged)


def _card(
    start: StartingPoint, corpus: TrainingCorpus, config: Config, run: TrainingRun
) -> EncoderCard:
    return EncoderCard(
        created_at=run.created_at,
        plan=run.plan,
        articles=len(corpus.articles),
        held_out=len(corpus.held_out),
        encoder=msgspec.to_builtins(config.encoder),
        training=msgspec.to_builtins(config.training),
        pretraining=msgspec.to_builtins(config.pretraining),
        objectives=msgspec.to_builtins(config.objectives),
        start=start.name,
    )


def _initial_tower(
    start: StartingPoint, corpus: TrainingCorpus, config: Config
) -> tuple[InitialTower, NDArray[np.float32] | None]:
    """Return the initial tower, and the axes of a teacher's space that it is on."""
    if start.encoder:
        return from_encoder(start.encoder, config), None
    if start.kind == "articles":
        if len(corpus.articles) < MIN_ARTICLES:
            raise corpus.too_few(len(corpus.articles), len(corpus.held_out))
        return from_articles(corpus.articles, config), None
    axes = principal_axes(corpus.distillation.vectors, config.encoder.dim)
    return from_teacher(corpus.distillation, start.vocabulary, axes, config), axes


def _fit(tower: keras.Model, dataset: Dataset, training: TrainingConfig, staged: Path) -> History:
    checkpoint = Checkpoint(staged / CHECKPOINT)
    if training.token_epochs and not checkpoint.path.exists():
        _fit_tokens(tower, dataset, training, staged)
    tasks = dataset.tasks(training, tower)
    return fit(tower, tasks, dataset.validators(tower), training, checkpoint)


def _fit_tokens(
    tower: keras.Model, dataset: Dataset, training: TrainingConfig, staged: Path
) -> None:
    """Train the token embeddings first, as an encoder that is their mean.

    Without the recurrence a step costs a twentieth, so that every rare word is met often and a
    batch can be large; the recurrence then learns what the mean leaves to be said.
    """
    ids = keras.Input((None,), dtype="int32")
    mean = MaskedMean()(tower.get_layer("tokens")(ids))
    token_mean = keras.Model(ids, layers.UnitNormalization()(mean), name="tokens_only")
    training = msgspec.structs.replace(
        training,
        epochs=training.token_epochs,
        batch_size=training.token_batch_size,
        learning_rate=training.token_learning_rate,
    )
    tasks = dataset.tasks(training, token_mean)
    fit(token_mean, tasks, [], training, Checkpoint(staged / TOKENS_CHECKPOINT))


def _write_encoder(initial: InitialTower, config: Config, staged: Path, card: EncoderCard) -> str:
    """Write the trained tower with rounded token embeddings; return the encoder's id."""
    weights = _round_tower(initial.tower, config.encoder)
    tokenizer = initial.tokenizer.to_str(pretty=False)
    files.write(staged / model_folder.TOKENIZER, tokenizer.encode())
    files.write(staged / model_folder.ONNX, export(weights, config.encoder))
    with files.atomic_path(staged / model_folder.KERAS) as temporary:
        with_suffix = temporary.with_suffix(".keras")  # Keras refuses another one
        initial.tower.save(with_suffix)
        with_suffix.replace(temporary)
    return model_folder.finish(staged, model_folder.Runtime.of(config.encoder), card)


def _round_tower(tower: keras.Model, config: EncoderConfig) -> Weights:
    """Round the token embeddings of a tower as they are exported; return all its weights."""
    weights = weights_of(tower, config)
    rounded = weights._replace(tokens=round_tokens(weights.tokens))
    set_weights(tower, config, rounded)
    return rounded


def check_parity(tower: keras.Model, encoder: Encoder, texts: list[TokenIds]) -> None:
    """Raise unless the exported network gives the vectors of the Keras one, for many lengths."""
    rows = list(texts)
    for length, text in enumerate(texts[:CUT_TEXTS], start=1):
        rows.append(text[:length])
    encode = encoder_of(tower)
    difference = np.abs(encode(rows) - encoder.run(rows)).max()
    if not difference < PARITY:
        raise SimrecError(
            f"the ONNX export differs from the Keras encoder by {difference:.2g}; this is a bug"
        )
