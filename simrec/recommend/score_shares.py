"""The shares of a score: what words and smoothed articles count, and how that was chosen."""

from dataclasses import asdict, dataclass
from pathlib import Path

from simrec import files
from simrec.errors import ReleaseError

DEFAULT_WEIGHT = 0.5  # of words, where there are too few queries to choose


@dataclass(frozen=True)
class SharePoint:
    """The mean over all measures with a share of words and of smoothing."""

    weight: float
    smoothing: float
    mean: float


@dataclass(frozen=True)
class Shares:
    """The shares of words and of smoothing in a score, and what all that were tried reached."""

    weight: float = DEFAULT_WEIGHT
    smoothing: float = 0.0
    curve: tuple[SharePoint, ...] = ()

    def write(self, path: Path) -> None:
        """Write the shares as a JSON file with its seal, whole or not at all."""
        files.write_json(path, files.seal(asdict(self)))


def read_shares(path: Path) -> files.JsonObject:
    """Return the content of a file of shares; ReleaseError if it is damaged."""
    try:
        return files.unseal(path.read_bytes())
    except ValueError as error:
        raise ReleaseError(
            f"{path}: damaged ({error}); remove it and its .npz, simrec embed makes them anew"
        ) from error
