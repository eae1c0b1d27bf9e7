"""What several files of tests do with a house to train in."""

import json
from pathlib import Path
from typing import Any

from simrec.encoder import model_folder
from tests.conftest import CONFIG, House


def configure(
    house: House,
    more: str = "",
    training: str = "epochs = 1",
    dim: int = 32,
    window_tokens: int = 128,
) -> None:
    """Write the configuration: hidden 16, batches of 32, and the keys of [training] given."""
    config = CONFIG.replace("epochs = 1", training)
    config = config.replace("dim = 32", f"dim = {dim}\nwindow_tokens = {window_tokens}")
    (house.folder / "config.toml").write_text(config + more)


def write_jsonl(path: Path, rows: list[Any]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def encoder_folders(house: House) -> list[Path]:
    return sorted((house.workspace / "encoders").glob("[!.]*"))


def only_encoder(house: House) -> Path:
    (folder,) = encoder_folders(house)
    return folder


def history(house: House) -> list[dict[str, float]]:
    return model_folder.read_card(only_encoder(house)).history or []
