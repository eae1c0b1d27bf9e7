"""The random encoder: the network and tokenizer of a trained one, with random weights."""

from pathlib import Path

import numpy as np

from simrec import files
from simrec.config import EncoderConfig
from simrec.encoder import model_folder
from simrec.training.network import build_tower, weights_of
from simrec.training.onnx_export import export, read_weights


def write_random_encoder(trained: Path, folder: Path, seed: int) -> None:
    """Fill an empty folder with an encoder of the same shape that has learned nothing."""
    runtime = model_folder.check(trained)
    config = EncoderConfig(
        **runtime.network,
        window_tokens=runtime.window_tokens,
        max_windows=runtime.max_windows,
        title_weight=runtime.title_weight,
        lead_weight=runtime.lead_weight,
    )
    weights = read_weights((trained / model_folder.ONNX).read_bytes(), config)
    rng = np.random.default_rng(seed)
    tokens = rng.normal(size=weights.tokens.shape).astype(np.float32)
    tower = build_tower(config, tokens, seed)
    tokenizer = (trained / model_folder.TOKENIZER).read_bytes()
    files.write(folder / model_folder.ONNX, export(weights_of(tower, config), config))
    files.write(folder / model_folder.TOKENIZER, tokenizer)
    model_folder.finish(folder, runtime, model_folder.EncoderCard())
