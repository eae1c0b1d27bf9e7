"""The encoder as it runs every day: tokenizer and ONNX network, texts in, unit vectors out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from simrec.encoder import folder as encoder_folder
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

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return float32 unit vectors [texts, dim], in order.

        A text longer than a window is cut into windows of equal length, and its vector is the unit
        mean of theirs; what lies beyond `max_windows` windows is not read. Memory grows with the
        number of texts by their tokens and vectors only.
        """
        window, most = self.runtime.window_tokens, self.runtime.max_windows
        chars = window * most * MOST_CHARS_PER_TOKEN
        windows: list[list[int]] = []
        owners: list[int] = []
        for owner, ids in enumerate(token_ids(self._tokenizer, [text[:chars] for text in texts])):
            parts = _windows(ids[: window * most], window)
            windows += parts
            owners += [owner] * len(parts)
        sums = np.zeros((len(texts), self.dim), dtype=np.float32)
        np.add.at(sums, owners, self.run(windows))
        unit: np.ndarray = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        return unit

    def run(self, rows: list[list[int]]) -> np.ndarray:
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
