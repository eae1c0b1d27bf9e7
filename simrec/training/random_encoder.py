"""The encoder as it would be had nobody trained it: the same network and tokenizer, its weights drawn by chance."""

from pathlib import Path

import numpy as np

from simrec import files
from simrec.config import EncoderConfig
from simrec.encoder import model_folder as encoder_folder
from simrec.training.network import build_tower, weights_of
from simrec.training.onnx_export import export, read_weights


def write_random_encoder(trained: Path, folder: Path, seed: int) -> None:
    """Fill an empty folder with an encoder of the shape of a trained one that has learned nothing."""
    runtime = encoder_folder.check(trained)
    own = {
        key: getattr(runtime, key)
        for key in ("window_tokens", "max_windows", "title_weight", "lead_weight")
    }
    config = EncoderConfig(**runtime.network, **own)
    shape = read_weights((trained / encoder_folder.ONNX).read_bytes(), config).tokens.shape
    tokens = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    tower = build_tower(config, tokens, seed)
    files.write(folder / encoder_folder.ONNX, export(weights_of(tower, config), config))
    files.write(
        folder / encoder_folder.TOKENIZER, (trained / encoder_folder.TOKENIZER).read_bytes()
    )
    encoder_folder.finish(folder, runtime, {})
