"""Pack a golden workspace of the release format of now: `python -m tests.golden.pack`.

The newest workspace of an older format is made anew by a night. Its articles, its encoder and its
configuration stay, so the answers have to stay as well, unless the format changes them.
"""

import tarfile
import tempfile
from pathlib import Path

from simrec import files
from simrec.manifest import FORMAT
from tests.golden.test_golden import HERE, unpack

PACKED = ["articles.jsonl", "config.toml", "workspace"]


def main() -> None:
    """Replace the archive of the format of now."""
    with tempfile.TemporaryDirectory() as folder:
        house = unpack(FORMAT - 1, Path(folder))
        for older in (house.workspace / "releases").iterdir():
            files.remove_folder(older)
        for name in ("CURRENT", "journal.jsonl"):
            files.remove(house.workspace / name)
        ran = house.job()
        assert ran.code == 0, ran.err
        with tarfile.open(HERE / f"release-{FORMAT}.tar.xz", "w:xz") as archive:
            for name in PACKED:
                archive.add(house.folder / name, name)


if __name__ == "__main__":
    main()
