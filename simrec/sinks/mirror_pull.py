"""Brings the release that a mirror names to a workspace, for a web server to answer from."""

import re
from pathlib import Path

from simrec import files, release
from simrec.encoder import model_folder
from simrec.errors import ReleaseError
from simrec.sinks.mirror_store import ENCODERS, RELEASES, MirroredFile, MirroredRelease, MirrorStore
from simrec.workspace import Workspace

TRIES = 3  # of a mirror whose release is replaced and removed while it is read
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def pull(workspace: Workspace, address: str, keep: int) -> str:
    """Make a workspace answer from the release that a mirror names; return its id.

    Every file is compared with its checksum, and the release is published as the nightly job does:
    until then the old one answers. Files of a pull that was killed are used again. Raises
    ReleaseError where the mirror holds no release, or one that is damaged.
    """
    store = MirrorStore.open(address)
    for _ in range(TRIES):
        wanted = store.pointer().release_id
        if wanted is None:
            raise ReleaseError(f"{store.url}: no release is mirrored here yet")
        if not release.ID.fullmatch(wanted):
            raise ReleaseError(f"{store.url}/CURRENT: damaged, '{wanted}' is no release id")
        if release.current_id(workspace) == wanted:
            return wanted
        mirrored = store.release(wanted)
        try:
            if mirrored and mirrored.release_id == wanted:
                _bring(workspace, store, mirrored)
                release.publish(workspace, wanted)
                release.prune(workspace, keep)
                return wanted
        except FileNotFoundError:
            continue  # it was removed meanwhile, and CURRENT names another one
    raise ReleaseError(f"{store.url}: CURRENT names {wanted}, which is not there")


def _bring(workspace: Workspace, store: MirrorStore, mirrored: MirroredRelease) -> None:
    """Download the encoder of a release, and the release into staging."""
    encoder_id = _name(store, mirrored.encoder_id)
    encoder = workspace.encoder(encoder_id)
    if not encoder.exists():
        with files.atomic_folder(encoder) as temporary:
            for file in _files_below(store, mirrored, f"{ENCODERS}/{encoder_id}/"):
                _download(store, file, temporary)
            model_folder.check(temporary)
            if model_folder.read_id(temporary) != encoder_id:
                raise ReleaseError(f"{store.url}: damaged, {encoder_id} is another encoder")
    if workspace.release(mirrored.release_id).exists():
        return
    staged = workspace.staged_release(mirrored.release_id)
    staged.path.mkdir(parents=True, exist_ok=True)
    for file in _files_below(store, mirrored, f"{RELEASES}/{mirrored.release_id}/"):
        _download(store, file, staged.path)
    if release.Release.read(staged).manifest.release_id != mirrored.release_id:
        raise ReleaseError(f"{store.url}: damaged, {mirrored.release_id} is another release")


def _files_below(store: MirrorStore, mirrored: MirroredRelease, prefix: str) -> list[MirroredFile]:
    """Return the files of a folder; ReleaseError for a name that would lead out of it."""
    found = [file for file in mirrored.files if file.path.startswith(prefix)]
    for file in found:
        _name(store, file.path.removeprefix(prefix))
    return found


def _name(store: MirrorStore, name: str) -> str:
    """Return a name of a file or folder; ReleaseError for one that is a path."""
    if not NAME.fullmatch(name):
        raise ReleaseError(f"{store.url}: damaged, '{name}' is no name of a file")
    return name


def _download(store: MirrorStore, file: MirroredFile, folder: Path) -> None:
    target = folder / Path(file.path).name
    if _is_whole(target, file):
        return
    with files.atomic_path(target) as temporary:
        store.download(file.path, temporary)
        if not _is_whole(temporary, file):
            raise ReleaseError(
                f"{store.url}/{file.path}: damaged (checksum); remove {RELEASES}/ID.json of that "
                "release from the mirror, and the next night sends it again"
            )


def _is_whole(path: Path, file: MirroredFile) -> bool:
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return files.sha256(path) == file.sha256
