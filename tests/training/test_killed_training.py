"""A killed training goes on from its checkpoint; cells are compared and nothing is kept."""

import re

from tests.conftest import House
from tests.jobs.disturbed import AT_CHANGE, KILL
from tests.training.houses import configure, encoder_folders, history


def killed_at_checkpoint(number: int) -> str:
    """Return Python that kills a job as it is about to put its n-th checkpoint in place."""
    return AT_CHANGE.format(
        events=("os.rename",), inside="checkpoint.npz", when=f"== {number}", happens=KILL
    )


def epochs_logged(err: str) -> list[int]:
    return [int(number) for number in re.findall(r"train: epoch (\d+), loss", err)]


def test_a_killed_training_goes_on_from_its_checkpoint(ingested: House) -> None:
    configure(ingested, training="epochs = 2")
    killed = ingested.job("retrain", before=killed_at_checkpoint(2))
    assert killed.code == -9
    assert epochs_logged(killed.err) == [1, 2]
    ran = ingested.job("retrain")
    assert ran.code == 0, ran.err
    assert epochs_logged(ran.err) == [2], "the first epoch is in the checkpoint"
    assert [epoch["epoch"] for epoch in history(ingested)] == [0, 1, 2]
    assert not list((ingested.workspace / "staging").glob("encoder-*"))


def test_cells_are_compared_and_nothing_is_kept(ingested: House) -> None:
    plot = ingested.folder / "cells.svg"
    ran = ingested.simrec(
        "train",
        "--compare",
        "rnn,gru",
        "--plot",
        plot,
        "--json",
        "-c",
        ingested.folder / "config.toml",
    )
    assert ran.code == 0, ran.err
    assert "oneDNN" not in ran.err, "libraries speak on stderr before they are told not to"
    assert [row["cell"] for row in ran.rows] == ["rnn", "gru"]
    for row in ran.rows:
        assert 0 < row["held_out"] <= 1
        assert row["articles_a_second"] > 0
        assert 1 <= row["gradient_reach"] <= 96
    assert plot.read_text().count("<svg") == 1
    assert encoder_folders(ingested) == []
    assert ingested.simrec("train", "--compare", "transformer").code == 2
