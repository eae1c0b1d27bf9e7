"""Of the encoder in use and the one just trained, the better one is used."""

import json

from simrec.encoder import model_folder
from tests.conftest import House
from tests.training.houses import configure, encoder_folders, only_encoder


def test_a_worse_challenger_leaves_the_champion_in_use(house: House) -> None:
    champion = only_encoder(house).name
    configure(house, training="epochs = 0", dim=8)
    ran = house.job("retrain")
    assert ran.code == 0, ran.err
    (challenger,) = {folder.name for folder in encoder_folders(house)} - {champion}
    card = model_folder.read_card(house.workspace / "encoders" / challenger)
    scores = card.scores or {}
    assert not card.kept
    assert scores["challenger"] < scores["champion"]
    what = house.last_steps()["train"]["what"]
    assert f"{scores['challenger']:.4f} to {scores['champion']:.4f}" in what
    assert champion in what
    manifest = house.workspace / "releases" / house.current / "manifest.json"
    assert json.loads(manifest.read_text())["encoder_id"] == champion
    assert house.job("retrain").code == 0
    assert house.last_steps()["train"]["state"] == "skipped", "what lost is not trained again"


def test_a_better_challenger_takes_over(ingested: House) -> None:
    configure(ingested, training="epochs = 0", dim=8)
    assert ingested.step("train").code == 0
    champion = only_encoder(ingested)
    configure(ingested)
    ran = ingested.step("train")
    assert "takes over from" in ran.err, ran.err
    (challenger,) = set(encoder_folders(ingested)) - {champion}
    assert model_folder.newest(ingested.workspace / "encoders") == challenger.name


def test_a_start_that_cannot_be_bettered_is_kept_bit_for_bit(house: House) -> None:
    """Trained with a rate that ruins it, the encoder that comes out is the one that went in."""
    start = only_encoder(house)
    configure(house, training=f'epochs = 2\nlearning_rate = 50.0\nstart = "{start}"')
    ran = house.step("train")
    assert ran.code == 0, ran.err
    assert encoder_folders(house) == [start]
