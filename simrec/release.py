"""Releases: seal with a manifest, publish by one rename, roll back, prune."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from simrec import __version__, files
from simrec.errors import ReleaseError
from simrec.manifest import FORMAT, HINT, FileFacts, Manifest
from simrec.release_folder import ReleaseFolder
from simrec.workspace import Workspace

ID = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class Release:
    """A published folder; it is whole and never changes."""

    folder: ReleaseFolder
    manifest: Manifest

    @classmethod
    def read(cls, folder: ReleaseFolder) -> "Release":
        """Read the manifest of a release of any format, and look at no file that it names."""
        return cls(folder, Manifest.read(folder))

    @classmethod
    def open(cls, folder: ReleaseFolder) -> "Release":
        """Open a release, without reading its files.

        ReleaseError if it is of another format, or a file is not of the size its manifest says.
        """
        release = cls.read(folder)
        if release.manifest.format != FORMAT:
            raise ReleaseError(_other_format(folder, release.manifest.format))
        for path, facts in release._files():
            if not path.is_file() or path.stat().st_size != facts.bytes:
                raise ReleaseError(f"{path}: missing or cut short; {HINT}")
        return release

    @classmethod
    def current(cls, workspace: Workspace) -> "Release":
        """Open the release that CURRENT names, so that all answers come from one release.

        If it is pruned between reading CURRENT and opening it, CURRENT names the next one already,
        which is opened instead.
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
                    f"{workspace.current}: names '{release_id}', which is not in "
                    f"{workspace.releases}; simrec releases lists what is, and simrec rollback "
                    "RELEASE returns to it"
                ) from error
            raise

    def verify(self, only: Collection[Path] | None = None) -> None:
        """Read every file, or only some; ReleaseError names the first that is not as published."""
        names = {path.name for path in only} if only is not None else self.manifest.files.keys()
        for path, facts in self._files():
            if path.name not in names:
                continue
            if not path.exists() or files.sha256(path) != facts.sha256:
                raise ReleaseError(f"{path}: damaged (checksum); {HINT}")

    def _files(self) -> Iterator[tuple[Path, FileFacts]]:
        for name, facts in self.manifest.files.items():
            yield self.folder.path / name, facts


def _other_format(folder: ReleaseFolder, number: int) -> str:
    hint = "the nightly job makes it anew"
    if number > FORMAT:
        hint = "a newer simrec made it, use that"
    return f"{folder.manifest}: a release of format {number}, this simrec reads {FORMAT}; {hint}"


def derive_id(keys: Iterable[tuple[str, bytes, bytes]], encoder_id: str, rules: str) -> str:
    """Derive the id of a release from its articles (id, row key, text key), encoder and rules."""
    digest = hashlib.sha256(f"{__version__}\n{encoder_id}\n{rules}\n".encode())
    for article_id, row_key, _ in keys:
        digest.update(article_id.encode() + b"\0" + row_key)
    return digest.hexdigest()[:16]


def current_id(workspace: Workspace) -> str | None:
    """Return the id of the published release, or None before the first.

    ReleaseError if CURRENT holds no id.
    """
    name = pointer(workspace)
    if name is not None and not ID.fullmatch(name):
        raise ReleaseError(
            f"{workspace.current}: damaged, '{name}' is no release id; "
            "simrec rollback RELEASE mends it"
        )
    return name


def pointer(workspace: Workspace) -> str | None:
    """Return what stands in CURRENT, whatever it is, or None before the first release."""
    try:
        return workspace.current.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return None


def checksums(folder: ReleaseFolder) -> dict[str, FileFacts]:
    """Return the size and checksum of every file of a staged release, in order of their names."""
    facts = {}
    for path in sorted(folder.path.iterdir()):
        if path.is_file() and path != folder.manifest:
            facts[path.name] = FileFacts(path.stat().st_size, files.sha256(path))
    return facts


def publish(workspace: Workspace, release_id: str) -> None:
    """Move a release that has its manifest from staging to where it stays, and point CURRENT at it.

    After a first rename the release exists, after a second its report stands in the workspace, and
    after a third it answers. After a kill before that the old release answers, and the next run
    does the rest.
    """
    final = workspace.release(release_id)
    staged = workspace.staged_release(release_id)
    if not final.exists():
        Release.open(staged)
        files.move_folder(staged.path, final.path)
    _point_at(workspace, release_id)


def roll_back(workspace: Workspace, release_id: str | None = None) -> Release:
    """Point CURRENT at a release, by default at the one before the current one, and return it."""
    release_ids = [release.manifest.release_id for release in published(workspace)]
    if release_id is None:
        release_id = _before_current(workspace, release_ids)
    elif release_id not in release_ids:  # never a path made of what somebody typed
        raise ReleaseError(f"no release '{release_id}'; simrec releases lists them")
    release = Release.open(workspace.release(release_id))
    release.verify()
    ids = rolled_back(workspace) | {pointer(workspace) or release_id}
    ids.discard(release_id)
    files.write(workspace.rolled_back, "".join(f"{line}\n" for line in sorted(ids)).encode())
    _point_at(workspace, release_id)
    return release


def rolled_back(workspace: Workspace) -> set[str]:
    """Return the ids that were rolled back from: a night does not publish them again by itself.

    ReleaseError if the file holds anything else.
    """
    if not workspace.rolled_back.exists():
        return set()
    ids = workspace.rolled_back.read_text(encoding="utf-8", errors="replace").split()
    for name in ids:
        if not ID.fullmatch(name):
            raise ReleaseError(
                f"{workspace.rolled_back}: damaged, '{name}' is no release id; remove the line"
            )
    return set(ids)


def _before_current(workspace: Workspace, release_ids: list[str]) -> str:
    current = current_id(workspace)
    if current not in release_ids or current == release_ids[-1]:
        raise ReleaseError(f"{workspace.root}: no release before the current one to roll back to")
    return release_ids[release_ids.index(current) + 1]


def published(workspace: Workspace) -> list[Release]:
    """Return all releases whose manifest is readable, of whatever format, newest first."""
    releases = []
    for path in workspace.releases.iterdir():
        folder = ReleaseFolder(path)
        try:
            releases.append(Release.read(folder))
        except ReleaseError:
            continue  # nobody can use a damaged one; opening it by its id says what is wrong
    return sorted(releases, key=_age, reverse=True)


def _age(release: Release) -> tuple[str, str]:
    return release.manifest.created_at, release.manifest.release_id


def prune(workspace: Workspace, keep: int) -> list[str]:
    """Remove all but the newest releases, never the current one; return the ids of the removed."""
    current = current_id(workspace)
    removed = []
    for release in published(workspace)[keep:]:
        release_id = release.manifest.release_id
        if release_id != current:
            files.remove_folder(release.folder.path)
            removed.append(release_id)
    return removed


def _point_at(workspace: Workspace, release_id: str) -> None:
    page = workspace.release(release_id).report_page
    if page.exists():
        files.write(workspace.report_page, page.read_bytes())
    else:  # an older simrec made the release
        files.remove(workspace.report_page)
    files.write(workspace.current, f"{release_id}\n".encode())
