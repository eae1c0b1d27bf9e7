"""An encoder on disk: its files, its id, its manifest, and the checks when it is opened."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from simrec import files
from simrec.config import EncoderConfig
from simrec.errors import ReleaseError
from simrec.files import JsonObject

FORMAT = 2
ONNX = "encoder.onnx"
KERAS = "encoder.keras"
TOKENIZER = "tokenizer.json"
CONFIG = "config.json"
CARD = "card.json"
PLOT = "training.svg"
MANIFEST = "manifest.json"
RUNTIME_FILES = (ONNX, TOKENIZER, CONFIG)  # what decides the vectors
FILES = (ONNX, KERAS, TOKENIZER, CONFIG, CARD, PLOT)
NETWORK = ("cell", "layers", "bidirectional", "hidden", "pooling", "residual", "dim")
HINT = "restore the folder, or remove it and run simrec train"


@dataclass(frozen=True)
class Runtime:
    """What running the encoder needs to know; `config.json`."""

    cell: str
    dim: int
    window_tokens: int
    max_windows: int
    title_weight: float
    lead_weight: float
    network: JsonObject  # the keys of [encoder] that the weights are of
    format: int = FORMAT

    @classmethod
    def of(cls, config: EncoderConfig) -> "Runtime":
        """Return what a configuration says of running and of the network."""
        return cls(
            cell=config.cell,
            dim=config.dim,
            window_tokens=config.window_tokens,
            max_windows=config.max_windows,
            title_weight=config.title_weight,
            lead_weight=config.lead_weight,
            network={key: getattr(config, key) for key in NETWORK},
        )


class EncoderCard(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an encoder was made and what it scored: `card.json`.

    `plan` is empty unless it was trained in this workspace. `history` has a row for each epoch,
    `gradient_reach` a norm for each distance in tokens, and `scores` those of champion and
    challenger; an untrained encoder has none of them.
    """

    created_at: str = ""
    plan: str = ""
    articles: int | None = None
    held_out: int | None = None
    encoder: JsonObject = {}
    training: JsonObject = {}
    pretraining: JsonObject = {}
    objectives: list[JsonObject] = []
    start: str | None = None
    history: list[dict[str, float]] | None = None
    gradient_reach: list[float] | None = None
    kept: bool = True
    scores: dict[str, float] | None = None


def encoder_id(cell: str, runtime_files: list[bytes]) -> str:
    """Derive the id from what decides the vectors, so that two encoders never share one."""
    digest = hashlib.sha256()
    for content in runtime_files:
        digest.update(hashlib.sha256(content).digest())
    return f"{cell}-{digest.hexdigest()[:12]}"


def finish(folder: Path, runtime: Runtime, card: EncoderCard) -> str:
    """Complete a staged folder and return the encoder's id.

    The folder holds ONNX and TOKENIZER, and may hold KERAS and PLOT.
    """
    files.write_json(folder / CONFIG, asdict(runtime))
    files.write_json(folder / CARD, msgspec.to_builtins(card))
    checksums = {}
    for name in FILES:
        if (folder / name).exists():
            checksums[name] = files.sha256(folder / name)
    manifest = {"encoder_id": _derived_id(folder, runtime), "files": checksums}
    files.write_json(folder / MANIFEST, files.seal(manifest))
    return str(manifest["encoder_id"])


def _derived_id(folder: Path, runtime: Runtime) -> str:
    return encoder_id(runtime.cell, [(folder / name).read_bytes() for name in RUNTIME_FILES])


def check(folder: Path) -> Runtime:
    """Return what `config.json` says; ReleaseError if a file the encoder runs on has changed."""
    try:
        _compare(folder, RUNTIME_FILES)
        config = json.loads((folder / CONFIG).read_bytes())
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise ReleaseError(f"{folder}: no whole encoder ({error}); {HINT}") from error
    if config.get("format") != FORMAT:
        raise ReleaseError(
            f"{folder}: format {config.get('format')}, this simrec reads {FORMAT}; {HINT}"
        )
    return Runtime(**config)


def verify(folder: Path) -> None:
    """Read a whole encoder in its place; ReleaseError names the file that has changed."""
    runtime = check(folder)
    manifest = _manifest(folder)
    _compare(folder, manifest["files"])
    derived = _derived_id(folder, runtime)
    if not derived == manifest["encoder_id"] == folder.name:
        raise ReleaseError(f"{folder}: holds the encoder {derived}; {HINT}")


def _compare(folder: Path, names: Iterable[str]) -> None:
    """Raise ReleaseError for the first file that has not the checksum of the manifest."""
    checksums = _manifest(folder)["files"]
    for name in names:
        path = folder / name
        if files.sha256(path) != checksums[name]:
            raise ReleaseError(f"{path}: not the file that was trained (checksum); {HINT}")


def _manifest(folder: Path) -> JsonObject:
    try:
        return files.unseal((folder / MANIFEST).read_bytes())
    except PermissionError:
        raise
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{folder / MANIFEST}: no whole encoder ({error}); {HINT}") from error


def read_id(folder: Path) -> str:
    """Return the id of the encoder in a folder, whatever the folder is called."""
    return str(_manifest(folder)["encoder_id"])


def read_card(folder: Path) -> EncoderCard:
    """Return how the encoder was made and what it scored; ReleaseError if that cannot be read."""
    try:
        return msgspec.json.decode((folder / CARD).read_bytes(), type=EncoderCard)
    except PermissionError:
        raise
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{folder / CARD}: not readable ({error}); {HINT}") from error


def amend_card(folder: Path, kept: bool, scores: dict[str, float]) -> None:
    """Add to the card of a staged folder what is known only after the encoder was made."""
    card = json.loads((folder / CARD).read_bytes())
    files.write_json(folder / CARD, {**card, "kept": kept, "scores": scores})
    manifest = _manifest(folder)
    manifest["files"][CARD] = files.sha256(folder / CARD)
    files.write_json(folder / MANIFEST, files.seal(manifest))


def newest(encoders: Path) -> str | None:
    """Return the id of the encoder that was made last, with which articles are embedded, or None.

    One that lost against the encoder before it does not count.
    """
    made = []
    for folder in _encoders(encoders):
        card = read_card(folder)
        if card.kept:
            made.append((card.created_at, folder.name))
    return max(made)[1] if made else None


def trained_from(encoders: Path, plan: str) -> str | None:
    """Return the id of the encoder that was trained by this plan, or None."""
    for folder in _encoders(encoders):
        if read_card(folder).plan == plan:
            return folder.name
    return None


def _encoders(encoders: Path) -> Iterator[Path]:
    """Yield the folders of encoders that are whole, in order of their ids."""
    for folder in sorted(encoders.glob("[!.]*/")):
        if (folder / MANIFEST).exists():
            yield folder
