"""Training starts from an encoder of its shape and format, or says why it does not."""

import json

from simrec import files
from tests.conftest import House
from tests.training.houses import configure, only_encoder


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
