"""The encoder as it runs every day: tokenizer and ONNX network, texts in, unit vectors out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from simrec.encoder import model_folder as encoder_folder
from simrec.encoder.tokenizer import PAD_ID, token_ids

BATCH = 64
MOST_CHARS_PER_TOKEN = 8  # enough for any prose; bounds the work on a text of megabytes


class Encoder:
    """Turns texts into vectors. Equal texts in equal company give equal bits."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Open an encoder folder; ReleaseError if it is damaged or of another format."""
        self.id = folder.name
        self.runtime = encoder_folder.check(folder)
        self._tokenizer = Tokenizer.from_file(str(folder / encoder_folder.TOKENIZER))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / encoder_folder.ONNX), options, providers=["CPUExecutionProvider"]
        )

    @property
    def dim(self) -> int:
        return self.runtime.dim

    @property
    def most_chars(self) -> int:
        """Return how many characters of a text are looked at."""
        return self.runtime.window_tokens * self.runtime.max_windows * MOST_CHARS_PER_TOKEN

    def encode(self, texts: Sequence[str], titles: Sequence[str] = ()) -> np.ndarray:
        """Return float32 unit vectors [texts, dim], in order.

        A text longer than a window is cut into windows of equal length, and its vector is the unit
        mean of theirs, the first with `lead_weight`; what lies beyond `max_windows` windows is not
        read. Titles, which the texts begin with, count once more with `title_weight`. Memory grows with
        the number of texts by their tokens and vectors only.
        """
        windows, owners, weights = self._windows_of(texts)
        if titles and self.runtime.title_weight:
            rows = token_ids(self._tokenizer, list(titles))
            titled = [
                (row[: self.runtime.window_tokens], n) for n, row in enumerate(rows) if titles[n]
            ]
            windows += [row for row, _ in titled]
            owners += [owner for _, owner in titled]
            weights += [self.runtime.title_weight] * len(titled)
        sums = np.zeros((len(texts), self.dim), dtype=np.float32)
        np.add.at(sums, owners, self.run(windows) * np.array(weights, np.float32)[:, None])
        unit: np.ndarray = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        return unit

    def _windows_of(self, texts: Sequence[str]) -> tuple[list[list[int]], list[int], list[float]]:
        """Return the windows of all texts, and for each the row of its text and its weight."""
        window, most = self.runtime.window_tokens, self.runtime.max_windows
        windows: list[list[int]] = []
        owners: list[int] = []
        weights: list[float] = []
        for owner, ids in enumerate(
            token_ids(self._tokenizer, [text[: self.most_chars] for text in texts])
        ):
            parts = _windows(ids[: window * most], window)
            windows += parts
            owners += [owner] * len(parts)
            weights += [self.runtime.lead_weight] + [1.0] * (len(parts) - 1)
        return windows, owners, weights

    def run(self, rows: Sequence[Sequence[int] | np.ndarray]) -> np.ndarray:
        """Return float32 unit vectors [rows, dim] of token id rows, each of one window, in order."""
        vectors = np.empty((len(rows), self.dim), dtype=np.float32)
        by_length = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        for start in range(0, len(rows), BATCH):
            batch = by_length[start : start + BATCH]
            lengths = np.array([len(rows[row]) for row in batch], dtype=np.int32)
            ids = np.full((len(batch), lengths.max()), PAD_ID, dtype=np.int32)
            for target, row in zip(ids, batch, strict=True):
                target[: len(rows[row])] = rows[row]
            vectors[batch] = self._session.run(None, {"ids": ids, "lengths": lengths})[0]
        return vectors


def _windows(ids: list[int], window: int) -> list[list[int]]:
    """Cut into the fewest windows that hold all, of equal length: a tail of three tokens says little."""
    count = -(-len(ids) // window)
    size = -(-len(ids) // count)
    return [ids[start : start + size] for start in range(0, len(ids), size)]
