"""The encoder that runs every day: every text has a vector, every byte a token."""

import copy
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, pre_tokenizers

from simrec.encoder import model_folder
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder, split_windows
from simrec.encoder.tokenizer import byte_letters, token_ids, train_tokenizer, unknown_share
from simrec.metrics import reciprocal_ranks
from simrec.recommend.choose_weight import halves
from simrec.training.token_vectors import token_vectors
from tests.conftest import House, speeches

TEXTS = [speech["text"] for speech in speeches()]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS, 2000)


@pytest.fixture(scope="module")
def folder(published: House) -> Path:
    """The folder of the one encoder of the published house."""
    (folder,) = (published.workspace / "encoders").iterdir()
    return folder


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return Encoder(folder)


@pytest.mark.parametrize(
    "text", ["", " ", "x", "...", "🙂🙃", "\0\0", "中文", "ا", "word " * 100_000, "a" * 50_000]
)
def test_every_text_has_a_unit_vector(encoder: Encoder, text: str) -> None:
    (vector,) = encoder.encode([text])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_batch_gives_what_single_texts_give_in_order(encoder: Encoder) -> None:
    texts = [*TEXTS[:30], "", "x", "word " * 700, *TEXTS[30:60]]
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5


def test_a_long_text_is_the_weighted_mean_of_its_windows(folder: Path, encoder: Encoder) -> None:
    text = " ".join(TEXTS[:4])
    (ids,) = token_ids(Tokenizer.from_file(str(folder / model_folder.TOKENIZER)), [text])
    window = encoder.runtime.window_tokens
    assert 2 * window < len(ids) <= encoder.runtime.max_windows * window
    windows = encoder.run(split_windows(ids, window))
    assert encoder.runtime.lead_weight == 2.5
    mean = 2.5 * windows[0] + windows[1:].sum(axis=0)
    assert np.abs(encoder.encode([text])[0] - mean / np.linalg.norm(mean)).max() < 1e-5


def test_a_title_counts_once_more_by_its_weight(encoder: Encoder) -> None:
    weighted = copy.copy(encoder)
    weighted.runtime = replace(encoder.runtime, title_weight=0.5)
    texts, titles = ["On trade\nThe tariff was raised.", "No title here."], ["On trade", ""]
    own, title = encoder.encode(texts), encoder.encode(["On trade"])[0]
    mean = 2.5 * own[0] + 0.5 * title
    assert np.abs(weighted.encode(texts, titles)[0] - mean / np.linalg.norm(mean)).max() < 1e-5
    assert np.abs(weighted.encode(texts, titles)[1] - own[1]).max() < 1e-6
    assert np.array_equal(encoder.encode(texts, titles), own), (
        "without a weight titles are not looked at"
    )


@pytest.mark.parametrize("length", [1, 127, 128, 129, 256, 257, 1000])
def test_windows_hold_every_token_once_and_are_alike_in_length(length: int) -> None:
    windows = split_windows(list(range(length)), 128)
    assert [token for window in windows for token in window] == list(range(length))
    assert max(map(len, windows)) <= 128
    assert len(windows) == -(-length // 128)


def test_the_tokenizer_knows_every_byte(tokenizer: Tokenizer) -> None:
    for text in ("naïve café", "東京特許許可局", "🦜 parrot", "Ω≈ç√"):
        assert 1 not in tokenizer.encode(text).ids
        assert tokenizer.decode(tokenizer.encode(text).ids).replace(" ", "") == normalised(text)


def normalised(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower().replace(" ", "")


def test_token_vectors_start_as_good_as_exact_lsa(tokenizer: Tokenizer) -> None:
    """Halves of texts find each other as well by token vectors as by SVD of their counts."""
    size = tokenizer.get_vocab_size()
    ids = list(token_ids(tokenizer, TEXTS))
    left, right = (
        list(token_ids(tokenizer, side)) for side in zip(*map(halves, TEXTS), strict=True)
    )
    vectors = token_vectors(ids, size, 64, seed=0)
    frequency = (counts(ids, size) > 0).sum(axis=0)
    weight = np.log((1 + len(ids)) / (1 + frequency))
    weighted = np.log1p(counts(ids, size)) / np.log(2) * weight
    components = np.linalg.svd(
        weighted / np.linalg.norm(weighted, axis=1, keepdims=True), full_matrices=False
    )[2][:64]
    lsa = mrr(*(counts(side, size) * weight @ components.T for side in (left, right)))
    assert lsa > 0.3, "the oracle itself has to know something"
    assert (
        mrr(*(np.stack([vectors[half].mean(axis=0) for half in side]) for side in (left, right)))
        > 0.9 * lsa
    )


def counts(articles: list[list[int]], size: int) -> np.ndarray:
    return np.stack([np.bincount(article, minlength=size) for article in articles])


def mrr(left: np.ndarray, right: np.ndarray) -> float:
    unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (left, right)]
    return float(reciprocal_ranks(unit[0] @ unit[1].T).mean())


def test_the_id_depends_on_every_file_that_decides_the_vectors() -> None:
    contents = [b"onnx", b"tokenizer", b"config"]
    ids = {model_folder.encoder_id("gru", contents)}
    ids |= {
        model_folder.encoder_id("gru", [*contents[:n], b"other", *contents[n + 1 :]])
        for n in range(3)
    }
    assert len(ids) == 4
    assert model_folder.encoder_id("gru", contents) in ids


def test_a_script_that_a_byte_level_vocabulary_never_met_is_unknown(tokenizer: Tokenizer) -> None:
    """Each of its letters is two bytes or three, of which none says anything."""
    assert sorted(byte_letters()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert unknown_share(tokenizer, ["the war with Spain", "1898"]) == 0
    assert unknown_share(tokenizer, ["สงคราม", "戦争", "война", "😀"]) == 1
    assert unknown_share(tokenizer, ["war ป"]) == 3 / 4
    half = [*TEXTS[:10], *["สงครามโลกครั้งที่สอง" * 20] * 10]
    assert unknown_share(tokenizer, half) > 0.3
    words = Tokenizer.from_file(str(PRETRAINED / model_folder.TOKENIZER))
    assert unknown_share(words, ["é ä ü Ġ"]) == 0, "letters of word pieces are letters"
