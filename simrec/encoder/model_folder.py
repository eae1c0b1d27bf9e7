"""An encoder on disk: its files, its id, its manifest, and the checks when it is opened."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simrec import files
from simrec.config import EncoderConfig
from simrec.errors import ReleaseError

FORMAT = 2
PLOT = "training.svg"
ONNX, KERAS, TOKENIZER, CONFIG, CARD, MANIFEST = (
    "encoder.onnx",
    "encoder.keras",
    "tokenizer.json",
    "config.json",
    "card.json",
    "manifest.json",
)
NETWORK = ("cell", "layers", "bidirectional", "hidden", "pooling", "residual", "dim")


@dataclass(frozen=True)
class Runtime:
    """What running the encoder needs to know: `config.json`."""

    cell: str
    dim: int
    window_tokens: int
    max_windows: int
    title_weight: float
    lead_weight: float
    network: dict[str, Any]  # the keys of [encoder] that say what the weights are of
    format: int = FORMAT

    @classmethod
    def of(cls, config: EncoderConfig) -> "Runtime":
        """Return what the configuration says of running, and of the network."""
        network = {key: getattr(config, key) for key in NETWORK}
        own = {key: getattr(config, key) for key in ("cell", "dim", "window_tokens", "max_windows")}
        return cls(
            **own, title_weight=config.title_weight, lead_weight=config.lead_weight, network=network
        )


def encoder_id(cell: str, runtime_files: list[bytes]) -> str:
    """Derive the id from what decides the vectors, so that two encoders never share one."""
    digest = hashlib.sha256()
    for content in runtime_files:
        digest.update(hashlib.sha256(content).digest())
    return f"{cell}-{digest.hexdigest()[:12]}"


def finish(folder: Path, runtime: Runtime, card: dict[str, Any]) -> str:
    """Complete a staged folder that holds ONNX and TOKENIZER, and may hold KERAS; return the encoder's id."""
    files.write_json(folder / CONFIG, asdict(runtime))
    identity = encoder_id(
        runtime.cell, [(folder / name).read_bytes() for name in (ONNX, TOKENIZER, CONFIG)]
    )
    files.write_json(folder / CARD, card)
    present = [
        name for name in (ONNX, KERAS, TOKENIZER, CONFIG, CARD, PLOT) if (folder / name).exists()
    ]
    checksums = {name: files.sha256(folder / name) for name in present}
    files.write_json(folder / MANIFEST, files.seal({"encoder_id": identity, "files": checksums}))
    return identity


def check(folder: Path) -> Runtime:
    """Return what `config.json` says, or raise ReleaseError if a file it runs on is not what was trained."""
    try:
        _compare(folder, (ONNX, TOKENIZER, CONFIG))
        config = json.loads((folder / CONFIG).read_bytes())
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise ReleaseError(f"{folder}: no whole encoder ({error}); {_MEND}") from error
    if config.get("format") != FORMAT:
        raise ReleaseError(
            f"{folder}: format {config.get('format')}, this simrec reads {FORMAT}; {_MEND}"
        )
    return Runtime(**config)


def verify(folder: Path) -> None:
    """Read an encoder that is in its place whole; ReleaseError names the file that is not what was trained."""
    runtime, manifest = check(folder), _manifest(folder)
    _compare(folder, manifest["files"])
    identity = encoder_id(
        runtime.cell, [(folder / name).read_bytes() for name in (ONNX, TOKENIZER, CONFIG)]
    )
    if not identity == manifest["encoder_id"] == folder.name:
        raise ReleaseError(f"{folder}: holds the encoder {identity}; {_MEND}")


def _compare(folder: Path, names: Iterable[str]) -> None:
    checksums = _manifest(folder)["files"]
    for name in names:
        if files.sha256(folder / name) != checksums[name]:
            raise ReleaseError(
                f"{folder / name}: not the file that was trained (checksum); {_MEND}"
            )


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return files.unseal((folder / MANIFEST).read_bytes())
    except PermissionError:
        raise
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{folder / MANIFEST}: no whole encoder ({error}); {_MEND}") from error


_MEND = "restore the folder, or remove it and run simrec train"


def read_id(folder: Path) -> str:
    """Return the id of the encoder in a folder, whatever the folder is called."""
    return str(_manifest(folder)["encoder_id"])


def read_card(folder: Path) -> dict[str, Any]:
    """Return how the encoder was made and what it scored; ReleaseError if that cannot be read."""
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_bytes())
    except PermissionError:
        raise
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{folder / CARD}: not readable ({error}); {_MEND}") from error
    return card


def amend_card(folder: Path, **more: Any) -> None:
    """Add to the card of a staged folder what is known only after it was made."""
    files.write_json(folder / CARD, {**read_card(folder), **more})
    manifest = _manifest(folder)
    manifest["files"][CARD] = files.sha256(folder / CARD)
    files.write_json(folder / MANIFEST, files.seal(manifest))


def newest(encoders: Path) -> str | None:
    """Return the id of the encoder trained last, or None: what the workspace embeds with."""
    cards = [
        (read_card(folder), folder.name) for folder in encoders.glob("*/") if _is_whole(folder)
    ]
    kept = [(card["created_at"], name) for card, name in cards if card.get("kept", True)]
    return max(kept)[1] if kept else None


def trained_from(encoders: Path, plan: str) -> str | None:
    """Return the id of the encoder that came of this training plan, or None."""
    folders = (folder for folder in sorted(encoders.glob("*/")) if _is_whole(folder))
    return next((folder.name for folder in folders if read_card(folder).get("plan") == plan), None)


def _is_whole(folder: Path) -> bool:
    return not folder.name.startswith(".") and (folder / MANIFEST).exists()
