"""A manifest is that of its folder, and what it names are names."""

from pathlib import Path
from typing import Any

import pytest

from simrec import files, release
from simrec.errors import ReleaseError
from simrec.manifest import Manifest
from simrec.workspace import Workspace

FIRST = "0" * 16
SECOND = "1" * 16
CONTENT: dict[str, Any] = {
    "release_id": FIRST,
    "created_at": "2026-01-01T00:00:00Z",
    "encoder_id": "abc",
    "articles": 1,
    "accounts": 1,
    "index": {"kind": "exact", "rows": 1, "dim": 8},
    "files": {},
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws")


def write(workspace: Workspace, name: str, **changes: Any) -> None:
    folder = workspace.release(name)
    folder.path.mkdir()
    files.write_json(folder.manifest, files.seal({**CONTENT, "release_id": name, **changes}))


def test_a_release_under_the_name_of_another_is_none(workspace: Workspace) -> None:
    write(workspace, FIRST)
    write(workspace, SECOND, release_id=FIRST)
    assert Manifest.read(workspace.release(FIRST)).release_id == FIRST
    with pytest.raises(ReleaseError, match=f"it is that of release '{FIRST}'"):
        Manifest.read(workspace.release(SECOND))
    assert [each.manifest.release_id for each in release.published(workspace)] == [FIRST]


@pytest.mark.parametrize("evil", ["../../../evil", "..", "/etc/passwd", "a/b", ".hidden"])
def test_what_a_manifest_names_is_no_path(workspace: Workspace, evil: str) -> None:
    write(workspace, FIRST, encoder_id=evil)
    write(workspace, SECOND, files={evil: {"bytes": 1, "sha256": ""}})
    write(workspace, "2" * 16, release_id=evil)
    assert release.published(workspace) == []
    with pytest.raises(ReleaseError):
        release.roll_back(workspace)
    assert not workspace.current.exists()
