"""Learn a vocabulary from the texts of the lessons and from longer Chinese and English text.

    python -m pretraining.vocabulary DATA LESSONS SIZE

Writes LESSONS/tokenizer-SIZE.json. Frequent words of both languages become whole pieces; what is
rare is read by its pieces, what was never met by its bytes.
"""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from pretraining.lesson_texts import MOST_LAW, limited, rows
from simrec import files
from simrec.encoder.tokenizer import train_tokenizer

ENGLISH_PARAGRAPHS = 100_000
CHINESE_TEXTS = 20_000
CHARS = 600  # of a longer text


def main(data: Path, lessons: Path, size: int) -> None:
    """Write the tokenizer."""
    tokenizer = train_tokenizer(texts(data, lessons), size)
    path = lessons / f"tokenizer-{size}.json"
    files.write(path, tokenizer.to_str(pretty=False).encode())
    print(path, path.stat().st_size)


def texts(data: Path, lessons: Path) -> Iterator[str]:
    """Yield the texts that words are counted in."""
    for path in sorted((lessons / "texts").glob("*.json")):
        yield from json.loads(path.read_text(encoding="utf-8"))
    rng = random.Random(0)
    paragraphs = [row["text"] for row in rows(data, "enwiki_paragraphs")]
    yield from (text[:CHARS] for text in rng.sample(paragraphs, ENGLISH_PARAGRAPHS))
    articles = [row["text"] for row in rows(data, "zh_wiki_articles")]
    yield from (text[:CHARS] for text in rng.sample(articles, CHINESE_TEXTS))
    yield from (row["text"][:CHARS] for row in limited(data, "zh_texts", 3 * MOST_LAW))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
