"""The manifest of a release: what it was made from, and the size and checksum of every file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

from simrec import __version__, files
from simrec.errors import ReleaseError
from simrec.files import JsonObject
from simrec.index.index_facts import IndexFacts, Recall
from simrec.release_folder import ReleaseFolder

# Of a release; 1 knew no reasons and no near-duplicates, 2 had other names of columns, 3 told what
# rules did among the reasons, and the encoder alone found its candidates.
FORMAT = 4
HINT = "simrec rollback returns to the release before"


@dataclass(frozen=True)
class FileFacts:
    """What a file has to be: its size in bytes, and its checksum in hexadecimal."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class LexicalFacts:
    """The share of words in a score, and how many candidates of an article words find."""

    weight: float
    candidates: int


@dataclass(frozen=True)
class Manifest:
    """What a release is made of.

    created_at is a UTC timestamp, smoothing the share in a score of smoothed articles, shares what
    all shares that were tried reached, and candidates how many of the articles of highest score
    were found as candidates. clicks are the file of clicks and how their share was chosen, empty
    without one. lexical is None where words have no share in a score, and rules are
    the ranking rules as `simrec.recommend.rules` wrote them, which alone reads them.
    """

    release_id: str
    created_at: str
    encoder_id: str
    articles: int
    accounts: int
    index: IndexFacts
    lexical: LexicalFacts | None
    rules: Mapping[str, Any]
    smoothing: float
    shares: Mapping[str, Any]
    candidates: Recall
    files: Mapping[str, FileFacts]
    clicks: Mapping[str, Any] = field(default_factory=dict)
    simrec: str = __version__
    format: int = FORMAT

    @classmethod
    def read(cls, folder: ReleaseFolder) -> "Manifest":
        """Read the manifest of a release of any format; ReleaseError if it cannot be read."""
        try:
            manifest = cls._from_dict(files.unseal(folder.manifest.read_bytes()))
            manifest._check_names(folder.path.name)
            return manifest
        except PermissionError:
            raise
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise ReleaseError(
                f"{folder.manifest}: no readable release ({error}); {HINT}"
            ) from error

    @classmethod
    def _from_dict(cls, content: JsonObject) -> "Manifest":
        content["index"] = IndexFacts.from_dict(content["index"])
        content["candidates"] = Recall(**content.get("candidates", {}))  # since format 4
        lexical = content.get("lexical")  # none in format 1, empty in format 2 without words
        content["lexical"] = LexicalFacts(**lexical) if lexical else None
        content["files"] = {name: FileFacts(**facts) for name, facts in content["files"].items()}
        return cls(**{"rules": {}, "smoothing": 0.0, "shares": {}, "format": 1, **content})

    def _check_names(self, folder_name: str) -> None:
        """Raise ValueError for a manifest of another release, or a name that is a path."""
        if self.release_id != folder_name:
            raise ValueError(f"it is that of release {self.release_id!r}")
        for name in (self.encoder_id, *self.files):
            if PurePath(name).name != name or name.startswith("."):
                raise ValueError(f"{name!r} is no name of a file")

    def write(self, folder: ReleaseFolder) -> None:
        """Write the manifest with its seal, whole or not at all."""
        files.write_json(folder.manifest, files.seal(asdict(self)))
