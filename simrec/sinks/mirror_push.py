"""Mirrors the current release to a bucket, so that web servers need no shared disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from simrec import files
from simrec.manifest import FileFacts
from simrec.release import Release
from simrec.sinks.mirror_store import (
    ENCODERS,
    RELEASES,
    MirroredFile,
    MirroredRelease,
    MirrorStore,
)
from simrec.workspace import Workspace

INDEX = ".json"


class MirrorCounts(NamedTuple):
    """How many files were uploaded and removed."""

    uploaded: int
    removed: int

    def __str__(self) -> str:
        return f"{self.uploaded:,} files uploaded, {self.removed:,} removed"


def push(workspace: Workspace, release: Release, address: str, keep: int) -> MirrorCounts | None:
    """Make a mirror hold a release, and CURRENT name it; None if it does already.

    Files that are there are not sent again, so that a run that was killed is gone on with. CURRENT
    moves last, and only if nobody else has moved it since this run began: MovedError otherwise.
    Then all but `keep` releases are removed. ReleaseError for a damaged
    release, which goes nowhere.
    """
    store = MirrorStore.open(address)
    release_id = release.manifest.release_id
    pointer = store.pointer()
    if pointer.release_id == release_id and store.release(release_id):
        return None
    release.verify()
    encoder_id = release.manifest.encoder_id
    paths = {
        **_release_files(release),
        **_encoder_files(workspace.encoder(encoder_id)),
    }
    held = {**store.sizes(f"{RELEASES}/{release_id}"), **store.sizes(f"{ENCODERS}/{encoder_id}")}
    uploaded = 0
    mirrored = []
    for path, (source, facts) in paths.items():
        if held.get(path) != facts.bytes:
            store.upload(source, path)
            uploaded += 1
        mirrored.append(MirroredFile(path, facts.bytes, facts.sha256))
    created_at = release.manifest.created_at
    store.write_release(MirroredRelease(release_id, encoder_id, created_at, mirrored))
    store.move_pointer(pointer, release_id)
    return MirrorCounts(uploaded, _prune(store, keep, release_id))


def _release_files(release: Release) -> dict[str, tuple[Path, FileFacts]]:
    """Return the files of a release by their paths in a mirror, the manifest last."""
    prefix = f"{RELEASES}/{release.manifest.release_id}"
    paths = {}
    for name, facts in release.manifest.files.items():
        paths[f"{prefix}/{name}"] = (release.folder.path / name, facts)
    manifest = release.folder.manifest
    paths[f"{prefix}/{manifest.name}"] = (manifest, _facts(manifest))
    return paths


def _encoder_files(folder: Path) -> dict[str, tuple[Path, FileFacts]]:
    paths = {}
    for path in sorted(folder.iterdir()):
        paths[f"{ENCODERS}/{folder.name}/{path.name}"] = (path, _facts(path))
    return paths


def _facts(path: Path) -> FileFacts:
    return FileFacts(path.stat().st_size, files.sha256(path))


def _prune(store: MirrorStore, keep: int, current: str) -> int:
    """Remove all but the newest releases, and the encoders of none; return how many objects.

    What says that a release is whole is removed first, so that nobody begins to read half of one.
    """
    newest = sorted(_releases(store), key=_age, reverse=True)
    kept = [release for release in newest if release.release_id == current]
    kept += [release for release in newest if release.release_id != current][: max(keep - 1, 0)]
    gone = [release for release in newest if release not in kept]
    removed = []
    for release in gone:
        store.remove([f"{RELEASES}/{release.release_id}{INDEX}"])
        removed += list(store.sizes(f"{RELEASES}/{release.release_id}"))
    used = {release.encoder_id for release in kept}
    for release in gone:
        if release.encoder_id not in used:
            removed += list(store.sizes(f"{ENCODERS}/{release.encoder_id}"))
    removed = sorted(set(removed))
    store.remove(removed)
    return len(removed)


def _releases(store: MirrorStore) -> Iterator[MirroredRelease]:
    for path in store.sizes(RELEASES):
        name = path.removeprefix(f"{RELEASES}/")
        if name.endswith(INDEX) and "/" not in name:
            release = store.release(name.removesuffix(INDEX))
            if release:
                yield release


def _age(release: MirroredRelease) -> tuple[str, str]:
    return release.created_at, release.release_id
