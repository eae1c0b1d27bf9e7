"""Releases: stage, seal with a manifest, publish by one rename, roll back, prune."""

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from simrec import __version__, files
from simrec.errors import ReleaseError
from simrec.workspace import Workspace

MANIFEST = "manifest.json"
FORMAT = 3  # of the files of a release; 1 knew no reasons and no near-duplicates, 2 had other names of keys
REFUSAL = "refused.txt"  # in a staged release: why the gates refused it
ID = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class Manifest:
    """What a release is made of: `manifest.json`."""

    release_id: str
    created_at: str
    encoder_id: str
    articles: int
    accounts: int
    index: dict[str, Any]
    files: dict[str, dict[str, Any]]
    lexical: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    simrec: str = __version__
    format: int = 1


@dataclass(frozen=True)
class Release:
    """A published folder; it is whole and never changes."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> "Release":
        """Open a release; ReleaseError if it is of another format, or a file is not of the size its manifest says."""
        manifest = _read_manifest(folder)
        if manifest.format != FORMAT:
            mend = (
                "a newer simrec made it, use that"
                if manifest.format > FORMAT
                else "the nightly job makes it anew"
            )
            found = f"a release of format {manifest.format}, this simrec reads {FORMAT}"
            raise ReleaseError(f"{folder / MANIFEST}: {found}; {mend}")
        for name, facts in manifest.files.items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != facts["bytes"]:
                raise ReleaseError(f"{path}: missing or cut short; {HINT}")
        return cls(folder, manifest)

    @classmethod
    def current(cls, workspace: Workspace) -> "Release":
        """Open the release that CURRENT names, so that a question meets one release.

        One that is pruned between these two looks is no error: CURRENT names the next already.
        """
        release_id = current_id(workspace)
        if release_id is None:
            raise ReleaseError(
                f"{workspace.root}: no release is published yet; run the nightly job"
            )
        try:
            return cls.open(workspace.release(release_id))
        except ReleaseError as error:
            if current_id(workspace) != release_id:
                return cls.current(workspace)
            if not workspace.release(release_id).exists():
                raise ReleaseError(
                    f"{workspace.current}: names '{release_id}', which is not in {workspace.releases}; "
                    "simrec releases lists what is, and simrec rollback RELEASE returns to it"
                ) from error
            raise

    def verify(self, only: Collection[str] | None = None) -> None:
        """Read every file, or only some; ReleaseError names the first whose bytes are not those that were published."""
        for name, facts in self.manifest.files.items():
            if (only is None or name in only) and files.sha256(self.folder / name) != facts[
                "sha256"
            ]:
                raise ReleaseError(f"{self.folder / name}: damaged (checksum); {HINT}")


HINT = "simrec rollback returns to the release before"


def _read_manifest(folder: Path) -> Manifest:
    try:
        return Manifest(**files.unseal((folder / MANIFEST).read_bytes()))
    except PermissionError:
        raise
    except (OSError, ValueError, TypeError) as error:
        raise ReleaseError(f"{folder / MANIFEST}: no readable release ({error}); {HINT}") from error


def derive_id(keys: Iterable[tuple[str, bytes, bytes]], encoder_id: str, rules: str) -> str:
    """Derive a release's id from its articles (id, row key, text key), its encoder and the rules it is made by."""
    digest = hashlib.sha256(f"{__version__}\n{encoder_id}\n{rules}\n".encode())
    for article_id, row_key, _ in keys:
        digest.update(article_id.encode() + b"\0" + row_key)
    return digest.hexdigest()[:16]


def current_id(workspace: Workspace) -> str | None:
    """Return the id of the published release, or None before the first; ReleaseError if CURRENT holds no id."""
    name = pointer(workspace)
    if name is not None and not ID.fullmatch(name):
        raise ReleaseError(
            f"{workspace.current}: damaged, '{name}' is no release id; simrec rollback RELEASE mends it"
        )
    return name


def pointer(workspace: Workspace) -> str | None:
    """Return what stands in CURRENT, whatever it is, or None before the first release."""
    try:
        return workspace.current.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return None


def seal(folder: Path, **facts: Any) -> None:
    """Write the manifest of a staged release, with the size and checksum of every file in it."""
    names = sorted(
        path.name for path in folder.iterdir() if path.is_file() and path.name != MANIFEST
    )
    content = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": files.sha256(folder / name)}
        for name in names
    }
    manifest = Manifest(files=content, format=FORMAT, **facts)
    files.write_json(folder / MANIFEST, files.seal(asdict(manifest)))


def publish(workspace: Workspace, release_id: str) -> None:
    """Move a sealed release from staging to where it stays, and point CURRENT at it.

    Two renames: after the first the release exists, after the second it is asked. Killed between
    them, the old release answers and the next run does the second.
    """
    final = workspace.release(release_id)
    if not final.exists():
        Release.open(workspace.staged(release_id))
        files.move_folder(workspace.staged(release_id), final)
    _point_at(workspace, release_id)


def roll_back(workspace: Workspace, release_id: str | None = None) -> Release:
    """Point CURRENT at a release, by default at the one before the current one, and return it."""
    known = [release.manifest.release_id for release in published(workspace)]
    if release_id is None:
        release_id = _before(workspace, known)
    elif release_id not in known:  # never a path made of what somebody typed
        raise ReleaseError(f"no release '{release_id}'; simrec releases lists them")
    release = Release.open(workspace.release(release_id))
    release.verify()
    left = pointer(workspace)
    hold = (held(workspace) | ({left} if left else set())) - {release_id}
    files.write(workspace.held, "".join(f"{held_id}\n" for held_id in sorted(hold)).encode())
    _point_at(workspace, release_id)
    return release


def held(workspace: Workspace) -> set[str]:
    """Return the ids that were rolled back from: the next nightly run must not publish them again by itself."""
    ids = (
        workspace.held.read_text(encoding="utf-8", errors="replace").split()
        if workspace.held.exists()
        else []
    )
    for name in ids:
        if not ID.fullmatch(name):
            raise ReleaseError(
                f"{workspace.held}: damaged, '{name}' is no release id; remove the line"
            )
    return set(ids)


def _before(workspace: Workspace, known: list[str]) -> str:
    current = current_id(workspace)
    if current not in known or known.index(current) == len(known) - 1:
        raise ReleaseError(f"{workspace.root}: no release before the current one to roll back to")
    return known[known.index(current) + 1]


def published(workspace: Workspace) -> list[Release]:
    """Return all readable releases, newest first."""
    releases = []
    for folder in workspace.releases.iterdir():
        try:
            releases.append(Release(folder, _read_manifest(folder)))
        except ReleaseError:
            continue  # a damaged one is nothing to offer; opening it by name says what is wrong
    return sorted(
        releases, key=lambda r: (r.manifest.created_at, r.manifest.release_id), reverse=True
    )


def prune(workspace: Workspace, keep: int) -> list[str]:
    """Remove all but the newest releases, never the current one; return the ids of those removed."""
    doomed = [
        r for r in published(workspace)[keep:] if r.manifest.release_id != current_id(workspace)
    ]
    for release in doomed:
        files.remove_folder(release.folder)
    return [release.manifest.release_id for release in doomed]


def _point_at(workspace: Workspace, release_id: str) -> None:
    files.write(workspace.current, f"{release_id}\n".encode())
