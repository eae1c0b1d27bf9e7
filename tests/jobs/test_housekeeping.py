"""Housekeeping: what is damaged is told, what is old goes, and the cache keeps only what is used."""

import numpy as np

from tests.conftest import House, speeches


def shards(house: House) -> list[np.lib.npyio.NpzFile]:
    """Return the shards of articles; the cache of queries is not among them."""
    paths = sorted((house.workspace / "embeddings").glob("*/*.npz"))
    return [np.load(path) for path in paths if not path.parent.name.endswith("-asked")]


def contents(house: House) -> dict[bytes, bytes]:
    """Every vector by its key."""
    return {
        bytes(key).ljust(16, b"\0"): vector.tobytes()
        for shard in shards(house)
        for key, vector in zip(shard["keys"], shard["vectors"], strict=True)
    }


def test_compacting_keeps_the_vectors_in_use_and_no_others(house: House) -> None:
    house.configure("[ingest]\nsync = true\n")
    for number in range(3):
        added = {
            **speeches()[number],
            "id": f"new{number}",
            "text": f"{speeches()[number]['text']} {number}",
        }
        house.write_articles([*house.articles[:399], added])
        assert house.job().code == 0
    before = contents(house)
    assert (len(shards(house)), len(before)) == (10, 403)
    assert house.job("housekeeping").code == 0
    assert not list((house.workspace / "embeddings").glob("*-asked"))
    after = contents(house)
    assert (len(shards(house)), len(after)) == (7, 400)
    assert after.items() <= before.items()
    assert house.job("housekeeping").code == 0
    assert house.last_steps()["compact"]["state"] == "skipped"
    house.write_articles([*house.articles, {**speeches()[9], "id": "twin"}])
    assert house.job().code == 0
    assert house.last_steps()["embed"]["rows_out"] == 0


def test_encoders_that_no_release_needs_are_removed(house: House) -> None:
    first = next((house.workspace / "encoders").iterdir()).name
    house.configure("[release]\nkeep = 1\n")
    config = (house.folder / "config.toml").read_text()
    (house.folder / "config.toml").write_text(config.replace("hidden = 16", "hidden = 12"))
    assert house.job("retrain").code == 0
    second = house.simrec("status", "--json").rows[0]["encoder"]
    assert second != first
    assert house.job("housekeeping").code == 0
    left = {path.parent.name: path.name for path in house.workspace.glob("e*/*/")}
    assert left == {"encoders": second, "embeddings": second}
    assert house.simrec("similar", "--text", "the union", "-n", 1).code == 0


def test_a_damaged_release_fails_the_job(house: House) -> None:
    path = house.workspace / "releases" / house.current / "vectors.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    ran = house.job("housekeeping")
    assert (ran.code, "vectors.npy: damaged" in ran.err) == (5, True)
