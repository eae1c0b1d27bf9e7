"""A killed training goes on from its checkpoint."""

import re

from tests.conftest import House
from tests.jobs.disturbed import KILL, at_event
from tests.training.houses import configure, history


def killed_at_checkpoint(number: int) -> str:
    """Return Python that kills a job as it is about to put its n-th checkpoint in place."""
    return at_event("checkpoint.npz", ("os.rename",), KILL, when=f"== {number}")


def epochs_logged(err: str) -> list[int]:
    return [int(number) for number in re.findall(r"train: epoch (\d+), loss", err)]


def test_a_killed_training_goes_on_from_its_checkpoint(ingested: House) -> None:
    configure(ingested, training="epochs = 2")
    killed = ingested.job("retrain", before=killed_at_checkpoint(2))
    assert killed.code == -9
    assert epochs_logged(killed.err) == [1, 2]
    ran = ingested.step("train")
    assert ran.code == 0, ran.err
    assert epochs_logged(ran.err) == [2], "the first epoch is in the checkpoint"
    assert [epoch["epoch"] for epoch in history(ingested)] == [0, 1, 2]
    assert not list((ingested.workspace / "staging").glob("encoder-*"))
