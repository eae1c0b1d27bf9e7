"""The only place that writes, renames, locks and checksums files."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import RawIOBase
from pathlib import Path
from typing import Any

from simrec.errors import ConfigError, LockedError

TEMPORARY = ".tmp"
SEAL = "seal"

JsonObject = dict[str, Any]


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside the target, which becomes the target on success.

    On failure it is removed. The order is write, fsync, rename, fsync of the folder: after a crash
    the target is the old file or the new one, whole (Pillai et al., OSDI 2014).
    """
    temporary = _beside(target)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync(target.parent)


def _beside(target: Path) -> Path:
    """Return a path that no process on any host uses: two may write the same shard at once."""
    return target.with_name(f".{target.name}.{uuid.uuid4().hex}{TEMPORARY}")


def write(target: Path, content: bytes) -> None:
    """Replace a file by the content, all or nothing."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_unsynced(target: Path, content: bytes) -> None:
    """Replace a file by the content, all or nothing unless the machine goes down before a sync.

    For many files at once, which the caller syncs when all of them are written.
    """
    temporary = _beside(target)
    try:
        temporary.write_bytes(content)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def rewrite(target: Path, content: bytes) -> None:
    """Replace the content of a file of somebody else, who keeps its mode and owner."""
    before = target.stat()
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)
        shutil.copymode(target, temporary)
        with suppress(PermissionError):  # only root may give a file away
            os.chown(temporary, before.st_uid, before.st_gid)


def write_json(target: Path, content: Any) -> None:
    """Replace a file by readable JSON, with keys in the order they have."""
    write(target, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def seal(content: JsonObject) -> JsonObject:
    """Return JSON content with the checksum of the rest as its last key."""
    return {**content, SEAL: _digest(content)}


def unseal(text: bytes) -> JsonObject:
    """Return sealed JSON content without its seal; content of the first edition has none.

    ValueError if it is no JSON object, or differs from what was sealed.
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("no JSON object")
    checksum = content.pop(SEAL, None)
    if checksum not in (None, _digest(content)):
        raise ValueError("damaged (checksum)")
    return content


def _digest(content: JsonObject) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def append_line(target: Path, line: str, mode: int | None = None) -> None:
    """Append one line in a single write, so that no reader sees two lines mixed.

    The file is made with a given mode, or gets it.
    """
    descriptor = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT, mode or 0o666)
    with os.fdopen(descriptor, "a+b", buffering=0) as file:
        if mode and stat.S_IMODE(os.fstat(file.fileno()).st_mode) != mode:
            with suppress(PermissionError):  # it is somebody else's
                os.fchmod(file.fileno(), mode)
        if not _ends_with_newline(file):
            line = f"\n{line}"  # a crash left half a line: it must not take this one with it
        # half a surrogate pair is written as JSON writes it
        file.write(f"{line}\n".encode(errors="backslashreplace"))
        os.fsync(file.fileno())


def _ends_with_newline(file: RawIOBase) -> bool:
    """Tell whether a file is empty or its last line is complete; leave it at its end."""
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def sync(path: Path) -> None:
    """Force a file or a folder's entries to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_folder(staged: Path, final: Path) -> None:
    """Give a finished folder its final name; where that exists, the folder is complete."""
    for path in sorted(staged.rglob("*")):
        sync(path)
    sync(staged)
    staged.rename(final)
    sync(final.parent)
    sync(staged.parent)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside the target, which becomes the target on success.

    On failure it is removed. Where another process has finished the same target meanwhile, that
    one stays.
    """
    temporary = _beside(target)
    temporary.mkdir()
    try:
        yield temporary
        try:
            move_folder(temporary, target)
        except OSError:
            if not target.exists():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def copy_folder(source: Path, final: Path) -> None:
    """Copy a folder to where there is none yet, whole or not at all."""
    if not final.exists():
        staged = _beside(final)
        shutil.copytree(source, staged)
        move_folder(staged, final)


def allocate(path: Path, head: bytes, size: int) -> None:
    """Make a file of a head and `size` zeros, all of it on the disk.

    A file that is mapped and written must have its room before: a full disk kills the process.
    """
    with path.open("wb") as file:
        file.write(head)
        file.flush()
        os.posix_fallocate(file.fileno(), 0, len(head) + size)


def move_file(path: Path, target: Path) -> None:
    """Give a finished file its final name; where that exists, the file is complete."""
    sync(path)
    path.replace(target)
    sync(target.parent)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder; it is renamed first, so that none is ever opened half removed."""
    if folder.exists():
        renamed = _beside(folder)
        folder.rename(renamed)
        shutil.rmtree(renamed)


def sweep(folder: Path) -> None:
    """Remove what killed runs left half-written in a folder."""
    for leftover in folder.glob(f".*{TEMPORARY}"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the checksum of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file, or raise LockedError at once; the system frees it on any exit.

    The file is never removed: else two runs could hold two files of one name.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW  # what a link leads to is nobody's lock
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise ConfigError(f"{path}: a link, which no lock may be; remove it") from None
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise LockedError(
                f"{path.parent}: {holder} is at work here; wait for it to end, nothing was changed"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield
