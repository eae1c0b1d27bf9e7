"""The pretrained encoder: whole, small, documented, and good without any training."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from simrec.encoder import model_folder
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.errors import ReleaseError
from tests.conftest import House, new_house

MOST_BYTES = 16 * 2**20
WITHOUT_TRAINING = "for name in ('tensorflow', 'keras', 'onnx'): sys.modules[name] = None"


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(PRETRAINED)


@pytest.fixture
def untrained(tmp_path: Path) -> House:
    """A house whose configuration leaves the encoder to the default."""
    house = new_house(tmp_path / "house")
    (house.folder / "config.toml").write_text('[[sources]]\npath = "articles.jsonl"\n')
    return house


def test_it_is_whole_small_and_documented(encoder: Encoder) -> None:
    files = [path for path in PRETRAINED.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    manifest = json.loads((PRETRAINED / "manifest.json").read_bytes())
    assert manifest["files"].keys() >= {
        "encoder.onnx",
        "tokenizer.json",
        "config.json",
        "card.json",
    }
    card = (PRETRAINED / "MODEL_CARD.md").read_text()
    assert model_folder.read_id(PRETRAINED) in card, "the card is of this encoder"
    for said in ("CC BY-SA", "Apache-2.0", "STS-B", "make pretrain", "## Limits"):
        assert said in card


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        (
            "The physician treated the patient.",
            "A doctor cared for a sick man.",
            "The ship left the harbour.",
        ),
        (
            "Stocks fell sharply on Wall Street.",
            "Share prices dropped in New York.",
            "A cat sleeps on the sofa.",
        ),
        ("How do I cook rice?", "A recipe for boiled grains", "The senate passed the tax bill."),
        (
            "Our new release fixes a memory leak.",
            "The software update solves a bug.",
            "The tariff on wool was raised.",
        ),
        (
            "Children are playing football in the park.",
            "Kids kick a ball outside.",
            "The court heard the appeal.",
        ),
        (
            "The army crossed the river at night.",
            "Troops went over the water in the dark.",
            "She teaches music.",
        ),
    ],
)
def test_texts_of_one_meaning_are_close_without_common_words(
    encoder: Encoder, text: str, near: str, far: str
) -> None:
    vectors = encoder.encode([text, near, far])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_the_first_night_needs_no_training(untrained: House) -> None:
    ran = untrained.job("nightly", before=WITHOUT_TRAINING)
    assert ran.code == 0, ran.err
    manifest = json.loads(
        (untrained.workspace / "releases" / untrained.current / "manifest.json").read_text()
    )
    assert manifest["encoder_id"] == model_folder.read_id(PRETRAINED)
    report = json.loads(
        (untrained.workspace / "releases" / untrained.current / "report.json").read_text()
    )
    (halves,) = (suite for suite in report["suites"] if suite["suite"] == "split-half")
    assert halves["values"]["simrec"] > 0.9 * halves["values"]["TF-IDF"]
    texts = [
        row["lead"]
        for row in untrained.simrec(
            "similar", "--text", "peace with foreign nations", "--json"
        ).rows
    ]
    assert sum("peace" in text or "nations" in text or "treaty" in text for text in texts) >= 5


def test_articles_in_an_unknown_script_are_not_embedded(tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "text": "股票市场今天大幅下跌。投资者担心利率。银行股票价格上涨。" * (n + 1)}
        for n in range(30)
    ]
    house = new_house(tmp_path / "house", rows)
    (house.folder / "config.toml").write_text('[[sources]]\npath = "articles.jsonl"\n')
    ran = house.job("nightly")
    assert (ran.code, "unknown to the encoder" in ran.err, "run simrec train" in ran.err) == (
        5,
        True,
        True,
    ), ran.err


def test_training_for_no_epochs_returns_the_pretrained_encoder(
    untrained: House,
) -> None:
    with (untrained.folder / "config.toml").open("a") as config:
        config.write("[training]\nepochs = 0\n")
    assert untrained.step("ingest").code == 0
    ran = untrained.step("train")
    assert ran.code == 0, ran.err
    assert [path.name for path in (untrained.workspace / "encoders").iterdir()] == [
        model_folder.read_id(PRETRAINED)
    ]


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json", "config.json"])
def test_a_flipped_byte_is_refused_by_name(tmp_path: Path, name: str) -> None:
    shutil.copytree(PRETRAINED, tmp_path / "encoder")
    path = tmp_path / "encoder" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ReleaseError, match=f"{name}: not the file that was trained"):
        Encoder(tmp_path / "encoder")


@pytest.mark.parametrize("text", ["", "x", "...", "🙂🙃", "\0\0", "中文", "word " * 1_000_000])
def test_every_text_has_a_unit_vector(encoder: Encoder, text: str) -> None:
    assert np.linalg.norm(encoder.encode([text])[0]) == pytest.approx(1, abs=1e-5)
    assert sys.getsizeof(text) < 6 * 2**20
