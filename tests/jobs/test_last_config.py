"""A workspace remembers the configuration of its last run, which a step without -c uses."""

import json
from pathlib import Path

from simrec.cli.evaluate_command import HOW
from tests.conftest import ROOT, House, run

LIMITS = "[release]\nmax_age_hours = 1000\n"


def configured(house: House) -> Path:
    """Run a night with the house's own configuration; return the file."""
    assert house.job().code == 0
    return house.folder / "config.toml"


def test_a_step_without_c_speaks_of_the_release_of_the_night(house: House) -> None:
    path = configured(house)
    current = house.current
    for step in ("index", "recommend", "evaluate", "publish"):
        ran = house.simrec(step)
        expected = f"simrec: with the configuration of the last run, {path}\n"
        if step == "evaluate":
            expected += f"{HOW}\n"
        assert (ran.code, ran.err) == (0, expected), step
    assert house.current == current
    assert [path.name for path in (house.workspace / "releases").iterdir()] == [current]


def test_a_step_with_another_configuration_names_the_keys(house: House) -> None:
    configured(house)
    other = house.folder / "other.toml"
    text = (house.folder / "config.toml").read_text()
    other.write_text(text.replace("candidates = 20", "candidates = 30") + LIMITS)
    ran = house.simrec("embed", "-c", other)
    keys = "index.candidates, release.max_age_hours"
    expected = f"simrec: {other} differs from the configuration of the last run: {keys}\n"
    assert (ran.code, ran.err) == (0, expected)
    ran = house.simrec("embed", "-c", other)
    assert (ran.code, ran.err) == (0, ""), "that was the last run"


def test_a_file_that_has_changed_is_used_as_it_is_now(house: House) -> None:
    path = configured(house)
    house.configure("[release]\nmax_age_hours = 0.000001\n")
    ran = house.simrec("status", "--line")
    notice, reason = ran.err.splitlines()
    assert ran.code == 7
    assert notice == (
        f"simrec: with the configuration of the last run, {path}, "
        "which has changed since: release.max_age_hours"
    )
    assert "release.max_age_hours is 1e-06" in reason


def test_a_file_that_is_gone_is_a_sentence(house: House) -> None:
    path = configured(house)
    path.rename(house.folder / "moved.toml")
    for command in ("embed", "status", "evaluate"):
        ran = house.simrec(command)
        assert ran.code == 3
        assert ran.err == (
            f"simrec: {path}: the configuration of the last run is gone; name one with -c, "
            "or -c /dev/null for the defaults\n"
        )
    assert house.current in house.simrec("status").out, "what can be said is said"
    ran = house.simrec("embed", "-c", house.folder / "moved.toml")
    assert (ran.code, ran.err) == (0, "")
    assert house.simrec("embed").code == 0


def test_a_relative_path_means_the_same_file_from_elsewhere(house: House) -> None:
    configured(house)
    (house.folder / "near.toml").write_text((house.folder / "config.toml").read_text())
    relative = f"{house.folder.parent / 'house'}/../house/near.toml"
    assert house.simrec("embed", "-c", relative).code == 0
    ran = run("-m", "simrec", "embed", "-w", house.workspace, cwd=house.folder.parent)
    assert (ran.code, "near.toml" in ran.err) == (0, True)
    ran = run("-m", "simrec", "embed", "-c", "near.toml", "-w", "workspace", cwd=house.folder)
    assert (ran.code, ran.err) == (0, "")
    ran = house.simrec("embed")
    assert ran.err == (
        f"simrec: with the configuration of the last run, {house.folder / 'near.toml'}\n"
    )


def test_no_password_is_remembered(house: House) -> None:
    house.configure('[[sinks]]\nurl = "postgresql://me:open-sesame@nowhere.invalid/db"\n')
    assert house.step("embed").code == 0
    remembered = (house.workspace / "last-config.json").read_text()
    assert "sesame" not in remembered
    assert "postgresql://me:@nowhere.invalid/db" in remembered


def test_a_damaged_memory_is_named_and_the_next_night_mends_it(house: House) -> None:
    configured(house)
    path = house.workspace / "last-config.json"
    path.write_text(path.read_text().replace('"index.candidates": 20', '"index.candidates": 21'))
    for command in ("verify", "embed"):
        ran = house.simrec(command)
        assert (ran.code, f"{path}: damaged (checksum)" in ran.err) == (5, True), ran.err
    assert house.job().code == 0
    assert json.loads(path.read_text())["values"]["index.candidates"] == 20
    assert house.simrec("verify").code == 0


def test_a_workspace_without_a_configured_run_has_the_defaults(empty_house) -> None:
    house = empty_house()
    articles = ROOT / "tests" / "data" / "speeches.jsonl"
    ran = house.simrec("ingest", articles)
    assert (ran.code, ran.err) == (0, "")
    assert not (house.workspace / "last-config.json").exists()
