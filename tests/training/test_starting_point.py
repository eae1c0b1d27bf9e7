"""Training starts from an encoder of its shape and format, or says why it does not."""

import json

import numpy as np

from simrec import files
from simrec.config import EncoderConfig
from simrec.training.train_encoder import keep_start
from tests.conftest import House
from tests.training.houses import configure, only_encoder
from tests.training.towers import DIM, random_tower


def test_an_encoder_of_another_shape_is_no_start(house: House) -> None:
    configure(house, training=f'start = "{only_encoder(house)}"')
    config = house.folder / "config.toml"
    config.write_text(config.read_text().replace("hidden = 16", "hidden = 24"))
    ran = house.step("train")
    assert (ran.code, "hidden = 24 (it has 16)" in ran.err) == (3, True), ran.err


def test_an_encoder_of_another_format_is_refused_with_the_mend(house: House) -> None:
    path = only_encoder(house) / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "format": 99}))
    manifest = path.with_name("manifest.json")
    content = files.unseal(manifest.read_bytes())
    content["files"]["config.json"] = files.sha256(path)
    manifest.write_text(json.dumps(files.seal(content)))
    ran = house.simrec("similar", "--text", "the price of wheat")
    assert ran.code == 5, ran.err
    assert "format 99, this simrec reads 2" in ran.err
    assert "simrec train" in ran.err


def test_fine_tuned_weights_keep_a_share_of_the_start() -> None:
    tower = random_tower(EncoderConfig(hidden=8, dim=DIM))
    start = tower.get_weights()
    keep_start(tower, start, 0.3)
    assert all(np.array_equal(*pair) for pair in zip(start, tower.get_weights(), strict=True))
    tower.set_weights([weights + 2 for weights in start])
    keep_start(tower, start, 0.25)
    for before, after in zip(start, tower.get_weights(), strict=True):
        assert np.abs(after - (before + 1.5)).max() < 1e-6
