"""A full disk at any writing step: one sentence, the old release stays, and the next run completes.

SIMREC_LONG=1 fills it at every change, and at many sizes.
"""

import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import House, Ran
from tests.jobs import disturbed
from tests.jobs.disturbed import LONG, expect_the_same


def expect_refused(house: House, ran: Ran, tonight: House) -> None:
    assert (ran.code, "Traceback" in ran.err) == (3, False), ran.err
    assert ran.err.splitlines()[-1].startswith("simrec: "), ran.err
    assert house.current == tonight.current
    assert house.simrec("verify").code == 0
    assert disturbed.contents(house) == disturbed.contents(tonight)


def test_full_from_some_file_on(tonight: House, undisturbed: House, tmp_path: Path) -> None:
    """Whatever file or folder is the first that cannot be made."""
    total = disturbed.changes(disturbed.copy(tonight, tmp_path / "counted"), disturbed.full_from)
    assert total > 20, "the night has to write something"
    for n in range(1, total + 1) if LONG else random.Random(4).sample(range(1, total + 1), 3):
        house = disturbed.copy(tonight, tmp_path / str(n))
        ran = house.job(before=disturbed.full_from(house, n))
        if house.current == undisturbed.current:  # published; what came after could not be written
            assert "Traceback" not in ran.err, (n, ran.err)
            continue
        expect_refused(house, ran, tonight)
        assert "No space left on device" in ran.err, n
        assert house.job().code == 0, n
        expect_the_same(house, undisturbed)


@contextmanager
def disk(folder: Path, kib: int) -> Iterator[Path]:
    """Mount a disk of that size."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "simrec", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(folder: Path, kib: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kib}k", str(folder)], check=True)


@pytest.mark.parametrize("left", range(40, 2600, 80) if LONG else [120, 1000])
def test_a_real_disk_that_is_full(
    tonight: House, undisturbed: House, tmp_path: Path, left: int
) -> None:
    """SQLite, Arrow and FAISS fail, too. A night needs about 3 MiB here; `left` is in KiB."""
    used = sum(4 + path.stat().st_size // 1024 for path in tonight.folder.rglob("*"))
    with disk(tmp_path / "disk", 1 << 16) as folder:
        house = disturbed.copy(tonight, folder / "house")
        resize(folder, used + left)
        expect_refused(house, house.job(), tonight)
        resize(folder, 1 << 16)
        assert house.job().code == 0
        expect_the_same(house, undisturbed)
