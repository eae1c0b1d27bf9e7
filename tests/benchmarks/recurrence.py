"""What recurrence remembers: `python -m tests.benchmarks.recurrence docs/recurrence [LENGTH ...]`.

Trains small networks to recall the first token of a text at its end, the others being noise, for
the tanh RNN, the LSTM and the GRU: as Keras begins them, with gates that begin long, with gradients
cut after 16 steps, and with gradients not clipped. Prints a table of the longest text whose first
token is recalled, and writes two plots: gradient by distance before and after training, and recall
by length. The networks are those of `simrec train`, one layer in one direction, last state.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simrec.config import EncoderConfig
from simrec.training.gradient_flow import STEPS, gradient_norms, gradient_reach
from simrec.training.network import build_tower, remember_longer, set_weights, weights_of
from tests.benchmarks.machine import print_machine

LENGTHS = (8, 16, 32, 64, 96)
SYMBOLS = 8  # one of which stands first
NOISE = 8  # what all other tokens are
HIDDEN, DIM = 32, 16
BATCH, TRAIN_STEPS, CHECK_EVERY = 64, 400, 50
TESTED_TEXTS = 512
RECALLED = 0.9  # of the tested texts
RATE = 0.005
TRUNCATE = 16
MEMORY = 96


@dataclass(frozen=True)
class Variant:
    """One way of training a cell."""

    cell: str
    gates: int = 0
    truncate: int = 0
    clip: bool = True

    def __str__(self) -> str:
        notes = []
        if self.gates:
            notes.append("gates begin long")
        if self.truncate:
            notes.append(f"gradients cut after {self.truncate} steps")
        if not self.clip:
            notes.append("gradients not clipped")
        return ", ".join([self.cell, *notes])


@dataclass(frozen=True)
class Memory:
    """Recall by length, and gradient norms by distance before and after training at the longest."""

    recall: dict[int, float]
    before: list[float]
    after: list[float]

    @property
    def longest(self) -> int:
        """Return the longest text whose first token is recalled, 0 if none is."""
        return max([length for length, share in self.recall.items() if share >= RECALLED] or [0])


def variants() -> Iterator[Variant]:
    """Yield what is compared."""
    for cell in ("rnn", "lstm", "gru"):
        yield Variant(cell)
        if cell != "rnn":
            yield Variant(cell, gates=MEMORY)
        yield Variant(cell, truncate=TRUNCATE)
        yield Variant(cell, clip=False)


def main(folder: Path, lengths: list[int]) -> None:
    """Print the table and write the plots."""
    print_machine("python -m tests.benchmarks.recurrence docs/recurrence")
    columns = ["cell", "longest first token recalled", "gradient reach before", "after"]
    print(f"\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    memories = {}
    for variant in variants():
        memory = measure(variant, lengths)
        memories[variant] = memory
        reach = [gradient_reach(norms) for norms in (memory.before, memory.after)]
        print(f"| {variant} | {memory.longest} | {reach[0]} | {reach[1]} |", flush=True)
    folder.mkdir(exist_ok=True)
    plain = {v: memory for v, memory in memories.items() if v.clip and not v.truncate}
    plot_gradients(folder / "gradients.svg", plain)
    plot_recall(folder / "recall.svg", memories)


def measure(variant: Variant, lengths: list[int]) -> Memory:
    """Train one network for each length, until one is too long."""
    config = EncoderConfig(
        cell=variant.cell,
        hidden=HIDDEN,
        dim=DIM,
        pooling="last",
        residual=False,
        bidirectional=False,
    )
    recall = {}
    before: list[float] = []
    after: list[float] = []
    for length in lengths:
        tower = start(variant, config)
        norms = norms_of(tower, config)
        recall[length] = train(tower, variant, length)
        if not before or recall[length] >= RECALLED:
            before = norms
            after = norms_of(tower, config)
        if recall[length] < RECALLED:
            break
    return Memory(recall, before, after)


def start(variant: Variant, config: EncoderConfig) -> keras.Model:
    """Return an untrained tower."""
    keras.utils.set_random_seed(0)
    tokens = np.random.default_rng(0).normal(size=(1 + SYMBOLS + NOISE, DIM))
    tower = build_tower(config, tokens.astype(np.float32), 0, variant.truncate)
    if variant.gates:
        weights = weights_of(tower, config)
        set_weights(tower, config, remember_longer(weights, config.cell, variant.gates, 0))
    return tower


def norms_of(tower: keras.Model, config: EncoderConfig) -> list[float]:
    """Return the gradient's norms by distance, over texts of noise."""
    texts = list(draw(np.random.default_rng(9), 64, STEPS)[0])
    return gradient_norms(tower, config, texts, seed=0)


def train(tower: keras.Model, variant: Variant, length: int) -> float:
    """Teach a tower to recall the first token; return the share of texts where it does."""
    ids = keras.Input((None,), dtype="int32")
    scores = keras.layers.Dense(SYMBOLS)(tower(ids) * 8.0)
    model = keras.Model(ids, scores)
    clip = {"global_clipnorm": 1.0} if variant.clip else {}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE, **clip), loss=loss)
    rng = np.random.default_rng(1)
    tested, first = draw(np.random.default_rng(2), TESTED_TEXTS, length)
    share = 0.0
    for step in range(1, TRAIN_STEPS + 1):
        model.train_on_batch(*draw(rng, BATCH, length))
        if step % CHECK_EVERY == 0:
            found = np.asarray(model.predict_on_batch(tested)).argmax(axis=1)
            share = float((found == first).mean())
            if share > 0.98:
                break
    return share


def draw(rng: np.random.Generator, n_texts: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return texts [n_texts, length] of noise behind a first token, and which that is."""
    texts = rng.integers(1 + SYMBOLS, 1 + SYMBOLS + NOISE, (n_texts, length)).astype(np.int32)
    first = rng.integers(0, SYMBOLS, n_texts)
    texts[:, 0] = 1 + first
    return texts, first


def plot_gradients(path: Path, memories: dict[Variant, Memory]) -> None:
    """Plot the gradient of the last state by distance, before and after training."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for variant, memory in memories.items():
        for axes, norms in ((left, memory.before), (right, memory.after)):
            axes.semilogy(np.maximum(norms, 1e-12), label=str(variant))
    for axes, title in ((left, "before training"), (right, "after learning to recall")):
        axes.set(title=title, xlabel="distance in time (tokens)")
        axes.grid(alpha=0.3)
    left.set(ylabel="gradient of the last state, relative to distance 0")
    right.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})


def plot_recall(path: Path, memories: dict[Variant, Memory]) -> None:
    """Plot the share of first tokens recalled by length of text, one panel for each cell."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    panels: list[Axes] = list(figure.subplots(1, 3, sharey=True))
    for axes, cell in zip(panels, ("rnn", "lstm", "gru"), strict=True):
        for variant, memory in memories.items():
            if variant.cell == cell:
                points = memory.recall
                axes.plot(list(points), list(points.values()), marker="o", label=str(variant))
        axes.axhline(1 / SYMBOLS, color="grey", linestyle=":", label="chance")
        axes.set(title=cell, xlabel="length of the text (tokens)")
        axes.legend(fontsize="x-small")
    panels[0].set(ylabel="first tokens recalled")
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), [int(length) for length in sys.argv[2:]] or list(LENGTHS))
