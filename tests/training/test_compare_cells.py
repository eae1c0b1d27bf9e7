"""Cells are compared, and nothing is kept."""

from tests.conftest import House
from tests.training.houses import encoder_folders


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
        assert 0 < row["low"] < row["mrr"] < row["high"] < 1
    assert plot.read_text().count("<svg") == 1
    assert encoder_folders(ingested) == []
    assert ingested.simrec("train", "--compare", "transformer").code == 2
