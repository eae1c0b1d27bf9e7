"""The embedding cache gives back what was put in, by key, whatever the shards."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from simrec.encoder.embedding_cache import EmbeddingCache, shard_path, write_shard
from simrec.errors import ReleaseError


def key(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


ODD = [b"\0" * 16, b"a" + b"\0" * 15, b"\xff" * 16, b"a" * 15 + b"\0", b"\0" * 15 + b"a"]


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, dict[bytes, np.ndarray]]:
    random = np.random.default_rng(0)
    keys = [*ODD, *map(key, range(500))]
    vectors = random.normal(size=(len(keys), 8)).astype(np.float16)
    for start in range(0, len(keys), 100):
        write_shard(tmp_path, keys[start : start + 100], vectors[start : start + 100])
    return tmp_path, dict(zip(keys, vectors, strict=True))


def test_every_key_finds_its_vector_in_any_order(
    filled: tuple[Path, dict[bytes, np.ndarray]],
) -> None:
    folder, oracle = filled
    cache = EmbeddingCache(folder)
    assert len(cache) == len(oracle)
    keys = [list(oracle)[n] for n in np.random.default_rng(1).integers(0, len(oracle), 800)]
    assert np.array_equal(cache.gather(keys), np.stack([oracle[key] for key in keys]))


def test_missing_and_present_split_the_keys(filled: tuple[Path, dict[bytes, np.ndarray]]) -> None:
    folder, oracle = filled
    cache = EmbeddingCache(folder)
    asked = [key(9_999), *list(oracle)[:7], b"a" * 16, key(77_777)]
    assert cache.missing(asked) == [key(9_999), b"a" * 16, key(77_777)]
    assert cache.present(asked) == list(oracle)[:7]
    with pytest.raises(KeyError):
        cache.gather(asked)


def test_an_empty_cache_misses_everything(tmp_path: Path) -> None:
    assert EmbeddingCache(tmp_path).missing([key(1), key(2)]) == [key(1), key(2)]


def test_shards_are_named_by_their_keys(tmp_path: Path) -> None:
    assert shard_path(tmp_path, [key(1), key(2)]) != shard_path(tmp_path, [key(1), key(3)])
    assert shard_path(tmp_path, [key(1)]) == shard_path(tmp_path, [key(1)])


@pytest.mark.parametrize("cut", ["flip", "truncate", "empty"])
def test_damage_is_named(filled: tuple[Path, dict[bytes, np.ndarray]], cut: str) -> None:
    folder, oracle = filled
    path = sorted(folder.iterdir())[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"flip": bytes(content), "truncate": bytes(content[:-200]), "empty": b""}[cut])
    with pytest.raises(ReleaseError, match=path.name):
        EmbeddingCache(folder).gather(list(oracle))
