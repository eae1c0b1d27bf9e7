"""The files of a folder or a zip; hidden ones, and those of tools and servers, are left out."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from simrec.articles.sources.file_source import escaped_path
from simrec.articles.sources.source import readable

# Beside names that begin with a dot: what tools and servers keep beside the texts of people, and
# the templates and output of site generators.
FOREIGN_FOLDERS = {
    "node_modules",
    "__MACOSX",
    "lost+found",
    "System Volume Information",
    "$RECYCLE.BIN",
    "@eaDir",
    "_includes",
    "_layouts",
    "_sass",
    "_site",
}
WORKSPACE = b"simrec workspace"  # begins what stands there
FORMAT_NAME = "FORMAT"  # in every workspace


class FolderFile(NamedTuple):
    """A file of a folder, or of the zip that lies at `path`.

    `shown` is what messages call a copy of an object in a bucket.
    """

    relative: PurePosixPath
    path: Path
    in_zip: bool = False
    shown: str = ""

    @property
    def is_folder_link(self) -> bool:
        """Tell whether this is a folder: a link that was not to be followed, or a workspace."""
        return not self.in_zip and self.path.is_dir()

    @property
    def is_outward_link(self) -> bool:
        """Tell whether this is a link to a file that lies elsewhere, or to no file at all."""
        if self.in_zip or not self.path.is_symlink() or self.is_dead_link:
            return False
        root = self.path.parents[len(self.relative.parts) - 1]
        real = self.path.resolve()
        return not (real.is_file() and real.is_relative_to(root.resolve()))

    @property
    def name(self) -> str:
        """What messages call the file."""
        if self.shown:
            return self.shown
        return escaped_path(self.path / self.relative if self.in_zip else self.path)

    @property
    def is_dead_link(self) -> bool:
        return self.path.is_symlink() and not self.path.exists()

    def content(self, most: int) -> bytes:
        """Return its bytes; ValueError for more than `most`, or where a zip does not give them."""
        if not self.in_zip:
            _check_size(self.path.stat().st_size, most)
            return self.path.read_bytes()
        try:
            with zipfile.ZipFile(self.path) as archive:
                _check_size(archive.getinfo(str(self.relative)).file_size, most)
                return archive.read(str(self.relative))
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise ValueError(f"cannot be unpacked ({error})") from error


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise ValueError(f"{size:,} bytes; at most limits.document_bytes = {most:,} are read")


def is_workspace(folder: Path) -> bool:
    """Tell whether a folder is a workspace of simrec, whose reports are no articles."""
    try:
        with (folder / FORMAT_NAME).open("rb") as file:
            return file.read(len(WORKSPACE)) == WORKSPACE
    except OSError:
        return False


def files_of_folder(root: Path, follow_links: bool) -> Iterator[FolderFile]:
    """Yield the files below a folder in order of their paths.

    Links to nothing are among them, links to folders that are not to be followed, and workspaces.

    UnreadableSourceError where one cannot be read: what cannot be seen is not gone.
    """
    for path in _walk(root, follow_links, {_identity(root)}):
        yield FolderFile(PurePosixPath(path.relative_to(root)), path)


def files_of_zip(path: Path) -> Iterator[FolderFile]:
    """Yield the files in a zip in order of their paths; BadZipFile where it is none."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    for name in sorted(names, key=lambda name: PurePosixPath(name).parts):
        relative = PurePosixPath(name)
        if not any(part.startswith(".") or part in FOREIGN_FOLDERS for part in relative.parts):
            yield FolderFile(relative, path, in_zip=True)


def _walk(folder: Path, follow_links: bool, above: set[tuple[int, int]]) -> Iterator[Path]:
    with readable(escaped_path(folder)), os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            if entry.is_file() or entry.is_symlink():
                yield path
            continue
        if entry.name in FOREIGN_FOLDERS:
            continue
        if is_workspace(path):
            yield path
            continue
        if entry.is_symlink() and not follow_links:
            yield path
            continue
        identity = _identity(path)
        if identity not in above:  # a link to a folder that it lies in has no end
            yield from _walk(path, follow_links, above | {identity})


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
