"""Arrays in one .npz file: written whole, and read whole or refused by name."""

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from simrec import files
from simrec.errors import ReleaseError

# What zipfile and NumPy say of damage, depending on the byte: a header may ask for encryption or 2^60 rows.
DAMAGE = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, MemoryError, OverflowError, SyntaxError,
    TypeError, struct.error, tokenize.TokenError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def write(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays by name, whole or not at all; equal arrays give equal bytes."""
    with files.atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read(path: Path, mend: str, *names: str) -> list[np.ndarray]:
    """Read some arrays; each one's CRC catches a flipped byte of it. ReleaseError that ends with what mends it."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return [stored[name] for name in names]
    except PermissionError:
        raise
    except DAMAGE as error:
        raise ReleaseError(
            f"{path}: damaged ({str(error) or type(error).__name__}); {mend}"
        ) from error
