"""Ask a teacher as `simrec teach` does, and die at a call.

`python -m tests.training.teaching HOUSE CALL`; call 0 is never made.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simrec.articles.store import Store
from simrec.config_file import load
from simrec.training.ask_teacher import ask_teacher, cut_shards, note_teachers, plan_texts
from simrec.workspace import Workspace
from tests.conftest import House

SHARD_TEXTS = 300


class NotingTeacher:
    """Writes down what it encodes, one line a call, and kills the process at a call."""

    id = "teacher-noting"

    def __init__(self, notes: Path, killed_at: int) -> None:
        self._notes = notes
        self._killed_at = killed_at
        self._calls = 0

    def tokenizer_json(self) -> None:
        return None

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self._calls += 1
        with self._notes.open("a") as file:
            file.write(json.dumps(list(texts)) + "\n")
        if self._calls == self._killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.stack([np.random.default_rng(len(text)).normal(size=12) for text in texts])


def main(house: House, killed_at: int) -> None:
    workspace = Workspace(house.workspace)
    config = load(house.folder / "config.toml")
    with Store.open(workspace.articles_db) as store:
        shards = cut_shards(plan_texts(store, config), shard_texts=SHARD_TEXTS)
    teacher = NotingTeacher(house.folder / "encoded.jsonl", killed_at)
    ask_teacher(teacher, shards, workspace.distillation)
    note_teachers([teacher.id], workspace.distillation)


if __name__ == "__main__":
    main(House(Path(sys.argv[1])), int(sys.argv[2]))
