"""The encoder: every cell is exported as it was trained, and every text has a vector."""

import random

import keras
import numpy as np
import pytest
from tokenizers import Tokenizer

from simrec.config import Config, TrainingConfig, override
from simrec.encoder import folder as encoder_folder
from simrec.encoder import training
from simrec.encoder.network import build_tower
from simrec.encoder.pairs import Tokens, batches, draw_pair, pad
from simrec.encoder.runtime import Encoder, _windows
from simrec.encoder.token_vectors import token_vectors
from simrec.encoder.tokenizer import token_ids, train_tokenizer
from simrec.errors import SimrecError
from simrec.evaluate.metrics import reciprocal_rank
from simrec.evaluate.suites import halves
from tests.conftest import House, speeches

TEXTS = [speech["text"] for speech in speeches()]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS, 2000)


@pytest.fixture(scope="module")
def encoder(published: House) -> Encoder:
    return Encoder(next((published.workspace / "encoders").iterdir()))


def reference(tower: keras.Model, rows: list[list[int]]) -> np.ndarray:
    """Run the Keras network a row at a time, without any padding."""
    return np.concatenate([tower.predict_on_batch(np.array([row], np.int32)) for row in rows])


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_onnx_gives_the_vectors_of_keras(tmp_path, tokenizer: Tokenizer, cell: str, bidirectional: bool) -> None:
    config = override(
        Config(),
        encoder={"cell": cell, "bidirectional": bidirectional, "hidden": 12, "dim": 24, "vocab_size": 2000},
        training={"epochs": 1, "batch_size": 16},
    )
    trained: list[keras.Model] = []
    original = training.check_parity
    try:
        training.check_parity = lambda tower, *rest: (trained.append(tower), original(tower, *rest))
        training.train(
            [("", text) for text in TEXTS[:90]], [("", text) for text in TEXTS[90:100]], config, tmp_path, {}
        )
    finally:
        training.check_parity = original
    encoder = Encoder(tmp_path)
    ids = list(token_ids(Tokenizer.from_file(str(tmp_path / "tokenizer.json")), TEXTS[100:140]))
    rows = [row[:length] for length, row in enumerate(ids, start=1)]
    expected = reference(trained[0], rows)
    assert np.abs(encoder.run(rows) - expected).max() < 1e-5
    assert np.abs(np.concatenate([encoder.run([row]) for row in rows]) - expected).max() < 1e-5
    loaded = keras.saving.load_model(tmp_path / "encoder.keras", safe_mode=True)
    assert np.abs(reference(loaded, rows) - expected).max() < 1e-6


def test_the_parity_gate_refuses_another_network(tokenizer: Tokenizer, encoder: Encoder, published: House) -> None:
    tower = keras.saving.load_model(next((published.workspace / "encoders").iterdir()) / "encoder.keras")
    rows = list(token_ids(tokenizer, TEXTS[:50]))
    training.check_parity(tower, encoder, rows)
    weights = tower.get_weights()
    weights[2][0, :] += 0.05  # of one recurrent kernel
    tower.set_weights(weights)
    with pytest.raises(SimrecError, match="differs from the Keras encoder"):
        training.check_parity(tower, encoder, rows)


@pytest.mark.parametrize("text", ["", " ", "x", "...", "🙂🙃", "\0\0", "中文", "ا", "word " * 100_000, "a" * 50_000])
def test_every_text_has_a_unit_vector(encoder: Encoder, text: str) -> None:
    (vector,) = encoder.encode([text])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_batch_gives_what_single_texts_give_in_order(encoder: Encoder) -> None:
    texts = [*TEXTS[:30], "", "x", "word " * 700, *TEXTS[30:60]]
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5


def test_a_long_text_is_the_mean_of_its_windows(encoder: Encoder) -> None:
    text = " ".join(TEXTS[:4])
    (ids,) = token_ids(encoder._tokenizer, [text])
    window = encoder.runtime.window_tokens
    assert 2 * window < len(ids) <= encoder.runtime.max_windows * window
    mean = encoder.run(_windows(ids, window)).mean(axis=0)
    assert np.abs(encoder.encode([text])[0] - mean / np.linalg.norm(mean)).max() < 1e-5


@pytest.mark.parametrize("length", [1, 127, 128, 129, 256, 257, 1000])
def test_windows_hold_every_token_once_and_are_alike_in_length(length: int) -> None:
    windows = _windows(list(range(length)), 128)
    assert [token for window in windows for token in window] == list(range(length))
    assert max(map(len, windows)) <= 128
    assert len(windows) == -(-length // 128)


def test_the_tokenizer_knows_every_byte(tokenizer: Tokenizer) -> None:
    for text in ("naïve café", "東京特許許可局", "🦜 parrot", "Ω≈ç√"):
        assert 1 not in tokenizer.encode(text).ids
        assert tokenizer.decode(tokenizer.encode(text).ids).replace(" ", "") == normalised(text)


def normalised(text: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFKC", text).lower().replace(" ", "")


def test_token_vectors_start_as_good_as_exact_lsa(tokenizer: Tokenizer) -> None:
    """Halves of texts find each other as well by mean token vectors as by SVD of the same weighted counts."""
    size = tokenizer.get_vocab_size()
    ids = list(token_ids(tokenizer, TEXTS))
    left, right = (list(token_ids(tokenizer, side)) for side in zip(*map(halves, TEXTS), strict=True))
    vectors = token_vectors(ids, size, 64, seed=0)
    frequency = (counts(ids, size) > 0).sum(axis=0)
    weight = np.log((1 + len(ids)) / (1 + frequency))
    weighted = np.log1p(counts(ids, size)) / np.log(2) * weight
    components = np.linalg.svd(weighted / np.linalg.norm(weighted, axis=1, keepdims=True), full_matrices=False)[2][:64]
    lsa = mrr(*(counts(side, size) * weight @ components.T for side in (left, right)))
    assert lsa > 0.3, "the oracle itself has to know something"
    assert mrr(*(np.stack([vectors[half].mean(axis=0) for half in side]) for side in (left, right))) > 0.9 * lsa


def counts(articles: list[list[int]], size: int) -> np.ndarray:
    return np.stack([np.bincount(article, minlength=size) for article in articles])


def mrr(left: np.ndarray, right: np.ndarray) -> float:
    unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (left, right)]
    return reciprocal_rank(unit[0] @ unit[1].T)


def test_pairs_come_from_one_article_and_never_overlap() -> None:
    chance = random.Random(0)
    for length in (8, 9, 40, 200):
        article = Tokens(list(range(1000, 1005)), list(range(length)))
        for _ in range(200):
            left, right = draw_pair(article, TrainingConfig(passage_tokens=16), chance)
            assert left
            assert right
            assert max(len(left), len(right)) <= 16
            assert not set(left) & set(right)
            assert set(left + right) <= set(article.title + article.body)


def test_batches_are_full_repeatable_and_fresh_each_epoch() -> None:
    articles = [Tokens([], list(range(n * 100, n * 100 + 20 + n % 50))) for n in range(1, 200)]
    config = TrainingConfig(batch_size=32)
    first, again, other = (list(batches(articles, config, epoch)) for epoch in (1, 1, 2))
    assert first == again != other
    assert {len(batch) for batch in first} == {32}
    owners = [left[0] // 100 for batch in first for left, _ in batch]
    assert len(owners) == len(set(owners)) == 192


def test_padding_is_zero_on_the_right() -> None:
    padded = pad([[1, 2, 3], [4]])
    assert padded.tolist() == [[1, 2, 3, 0, 0, 0, 0, 0], [4, 0, 0, 0, 0, 0, 0, 0]]


def test_training_never_keeps_a_worse_epoch_than_the_start(tokenizer: Tokenizer, monkeypatch) -> None:
    """With a learning rate that ruins the network the start is kept, bit for bit."""
    config = override(Config(), training={"epochs": 2, "batch_size": 16, "learning_rate": 50.0})
    config = override(config, encoder={"hidden": 8, "dim": 16})
    articles = [Tokens([], ids) for ids in token_ids(tokenizer, TEXTS)]
    vectors = token_vectors([a.body for a in articles], tokenizer.get_vocab_size(), 16, 0)
    tower = build_tower(config.encoder, vectors, 0)
    start = tower.get_weights()
    history = training._fit(tower, articles[50:], articles[:50], config)
    assert max(epoch["held_out_mrr"] for epoch in history[1:]) < history[0]["held_out_mrr"]
    assert all(np.array_equal(a, b) for a, b in zip(start, tower.get_weights(), strict=True))


def test_the_id_follows_the_content(tmp_path) -> None:
    contents = [b"onnx", b"tokenizer", b"config"]
    ids = {encoder_folder.encoder_id("gru", contents)}
    ids |= {encoder_folder.encoder_id("gru", [*contents[:n], b"other", *contents[n + 1 :]]) for n in range(3)}
    assert len(ids) == 4
    assert encoder_folder.encoder_id("gru", contents) in ids
