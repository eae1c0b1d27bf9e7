"""The encoder as it runs every day: tokenizer and ONNX network, texts in, unit vectors out."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from simrec.encoder import model_folder
from simrec.encoder.tokenizer import PAD_ID, token_ids
from simrec.tasks import partial

BATCH_ROWS = 64
MAX_CHARS_PER_TOKEN = 8  # enough for any prose; bounds the work on a text of megabytes

# Nothing is sent where somebody imported it before simrec, either.
onnxruntime.disable_telemetry_events()

UnitVectors = NDArray[np.float32]
TokenIds = Sequence[int] | NDArray[np.integer]


class Window(NamedTuple):
    """Token ids that the network reads at once, the text they are of, and what they weigh in it."""

    token_ids: list[int]
    text: int
    weight: float


class Encoder:
    """Turns texts into vectors. Equal texts in equal company have equal bits, in any thread."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Open an encoder's folder; ReleaseError if it is damaged or of another format."""
        self.id = folder.name
        self.runtime = model_folder.check(folder)
        self._tokenizer = Tokenizer.from_file(str(folder / model_folder.TOKENIZER))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = str(folder / model_folder.ONNX)
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(path, options, providers=providers)

    @property
    def dim(self) -> int:
        """Return the length of a vector."""
        return self.runtime.dim

    @property
    def most_chars(self) -> int:
        """Return how many characters of a text are read at most."""
        return self.runtime.window_tokens * self.runtime.max_windows * MAX_CHARS_PER_TOKEN

    def encode(self, texts: Sequence[str], titles: Sequence[str] = ()) -> UnitVectors:
        """Return unit vectors [texts, dim], in order.

        A text longer than a window is split into windows of equal length. Its vector is the unit
        mean of theirs, the first with `lead_weight`; what is beyond `max_windows` windows is not
        read. titles, with which the texts begin, count once more with `title_weight`. Memory grows
        with the number of texts by their tokens and vectors only.
        """
        windows = list(self._windows_of(texts))
        if titles and self.runtime.title_weight:
            windows += self._title_windows(titles)
        text_of = [window.text for window in windows]
        weights = np.array([window.weight for window in windows], np.float32)
        vectors = self.run([window.token_ids for window in windows])
        sums = np.zeros((len(texts), self.dim), np.float32)
        np.add.at(sums, text_of, vectors * weights[:, None])
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        unit: UnitVectors = sums / np.maximum(lengths, 1e-9)
        return unit

    def _windows_of(self, texts: Sequence[str]) -> Iterator[Window]:
        runtime = self.runtime
        read = [text[: self.most_chars] for text in texts]
        for text, ids in enumerate(token_ids(self._tokenizer, read)):
            ids = ids[: runtime.window_tokens * runtime.max_windows]
            weight = runtime.lead_weight
            for window in split_windows(ids, runtime.window_tokens):
                yield Window(window, text, weight)
                weight = 1.0

    def _title_windows(self, titles: Sequence[str]) -> Iterator[Window]:
        for text, ids in enumerate(token_ids(self._tokenizer, list(titles))):
            if titles[text]:
                window = ids[: self.runtime.window_tokens]
                yield Window(window, text, self.runtime.title_weight)

    def run(self, rows: Sequence[TokenIds]) -> UnitVectors:
        """Return the vectors [rows, dim] of rows of token ids, each of one window, in order."""
        vectors = np.empty((len(rows), self.dim), np.float32)
        by_length = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        for start in range(0, len(rows), BATCH_ROWS):
            batch = by_length[start : start + BATCH_ROWS]
            vectors[batch] = self._run_batch([rows[row] for row in batch])
            partial.tell((start + len(batch)) / len(rows))
        return vectors

    def _run_batch(self, rows: Sequence[TokenIds]) -> UnitVectors:
        lengths = np.array([len(row) for row in rows], np.int32)
        ids = np.full((len(rows), lengths.max()), PAD_ID, np.int32)
        for padded, row in zip(ids, rows, strict=True):
            padded[: len(row)] = row
        vectors: UnitVectors = self._session.run(None, {"ids": ids, "lengths": lengths})[0]
        return vectors


def split_windows(ids: list[int], window_tokens: int) -> list[list[int]]:
    """Split token ids into the fewest windows that hold all, of equal length.

    A short last window would have a say of its own, and three tokens say little.
    """
    windows = -(-len(ids) // window_tokens)
    length = -(-len(ids) // windows)
    return [ids[start : start + length] for start in range(0, len(ids), length)]
