"""Choose the texts of a teacher's lessons from openly licensed files, in shards that are mixed alike.

    python -m pretraining.lesson_texts DATA LESSONS

DATA holds JSON lines under xz: en_pairs, enwiki_paragraphs, openblogs_articles, zh_texts,
zh_wiki_articles, parallel. LESSONS/texts gets JSON lists of texts. Every shard has the same mix of
titles, questions, sentences and passages in English and Chinese, so that any number of shards from
the first on is a good training set. One row of en_pairs and parallel in fifty is held out.
"""

import hashlib
import json
import lzma
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

SHARD_TEXTS = 4_096
MAX_SHARDS = 160
HELD_OUT = 5  # of 256 first bytes of a hash
CHARS = {"en": (120, 250, 420), "zh": (40, 90, 150)}  # lengths of passages, of which one is drawn
SENTENCE_CHARS = {"en": (25, 240), "zh": (8, 90)}
END = {"en": re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])"), "zh": re.compile(r"(?<=[。！？])|\n")}
MOST_OF_A_SOURCE = 9_000  # rows, so that none dominates
MOST_LAW = 3_000
SHARES = {
    "en titles": 0.15,
    "en bodies": 0.14,
    "en wiki titles": 0.04,
    "en wiki sentences": 0.10,
    "en wiki passages": 0.10,
    "en blogs": 0.02,
    "en parallel": 0.07,
    "zh parallel": 0.09,
    "zh titles": 0.06,
    "zh sentences": 0.09,
    "zh wiki passages": 0.07,
    "zh passages": 0.07,
}
Row = dict[str, Any]


def main(data: Path, lessons: Path) -> None:
    """Write the shards of texts, and a summary of what they hold."""
    folder = lessons / "texts"
    folder.mkdir(parents=True, exist_ok=True)
    streams = {name: deal(name, texts) for name, texts in gather(data).items()}
    counts: Counter[str] = Counter()
    for number in range(MAX_SHARDS):
        shard = []
        for name, share in SHARES.items():
            part = list(islice(streams[name], round(share * SHARD_TEXTS)))
            counts[name] += len(part)
            shard += part
        random.Random(number).shuffle(shard)
        path = folder / f"{number:04d}.json"
        path.write_text(json.dumps(shard, ensure_ascii=False), encoding="utf-8")
    summary = json.dumps({"shards": MAX_SHARDS, "texts": dict(counts)}, indent=1)
    (lessons / "texts.json").write_text(summary, encoding="utf-8")
    print(summary)


def deal(name: str, texts: set[str]) -> Iterator[str]:
    """Yield each text once, in an order that a hash decides."""
    return iter(sorted(texts, key=lambda text: hashlib.sha256((name + text).encode()).digest()))


def gather(data: Path) -> dict[str, set[str]]:
    """Return the texts of each stream."""
    texts: dict[str, set[str]] = {name: set() for name in SHARES}
    rng = random.Random(0)
    _add_pairs(data, texts, rng)
    _add_encyclopedia(data, texts, rng)
    _add_blogs(data, texts, rng)
    _add_chinese(data, texts, rng)
    _add_parallel(data, texts)
    return texts


def rows(data: Path, name: str) -> Iterator[Row]:
    """Yield the rows of a file, without those whose licence forbids their use here."""
    with lzma.open(data / f"{name}.jsonl.xz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if "GNU GPL" not in row.get("licence", ""):
                yield row


def held_out(key: str) -> bool:
    """Return whether a row is kept for development, by a hash of its id or its English text."""
    return hashlib.sha256(key.encode()).digest()[0] < HELD_OUT


def limited(data: Path, name: str, most: int) -> Iterator[Row]:
    """Yield at most so many rows of each source, chosen by a hash, and few of any law."""
    seen: Counter[str] = Counter()
    by_hash = sorted(rows(data, name), key=lambda row: hashlib.md5(row["id"].encode()).digest())
    for row in by_hash:
        source = row["source"]
        is_law = "Law" in source
        seen[source] += 1
        if seen[source] <= (MOST_LAW if is_law else most):
            yield row


def passage(text: str, lang: str, rng: random.Random) -> str:
    """Return the beginning of a text, of a length that is drawn."""
    length = rng.choice(CHARS[lang])
    if lang == "zh" or len(text) <= length:
        return text[:length].strip()
    return text[:length].rsplit(" ", 1)[0].strip()


def sentences(text: str, lang: str) -> list[str]:
    """Return the sentences of a text that are neither very short nor very long."""
    shortest, longest = SENTENCE_CHARS[lang]
    parts = [part.strip() for part in END[lang].split(text)]
    return [part for part in parts if shortest <= len(part) <= longest]


def _add_pairs(data: Path, texts: dict[str, set[str]], rng: random.Random) -> None:
    for row in limited(data, "en_pairs", 3 * MOST_OF_A_SOURCE):
        if held_out(row["id"]):
            continue
        texts["en titles"].add(row["title"])
        texts["en bodies"].add(passage(row["text"], "en", rng))


def _add_encyclopedia(data: Path, texts: dict[str, set[str]], rng: random.Random) -> None:
    for number, row in enumerate(rows(data, "enwiki_paragraphs")):
        if number % 3 == 0:
            continue
        section = row.get("section")
        title = f"{row['title']}: {section}" if section else row["title"]
        texts["en wiki titles"].add(title)
        texts["en wiki passages"].add(passage(row["text"], "en", rng))
        found = sentences(row["text"], "en")
        if found:
            texts["en wiki sentences"].add(rng.choice(found))


def _add_blogs(data: Path, texts: dict[str, set[str]], rng: random.Random) -> None:
    for row in rows(data, "openblogs_articles"):
        is_for_training = hashlib.sha256(row["id"].encode()).digest()[0] % 2 == 1
        if is_for_training and row["text"]:
            middle = row["text"][len(row["text"]) // 2 :]
            texts["en blogs"] |= {passage(row["text"], "en", rng), passage(middle, "en", rng)}
            texts["en blogs"].add(row["title"] or "")
    texts["en blogs"].discard("")


def _add_chinese(data: Path, texts: dict[str, set[str]], rng: random.Random) -> None:
    for row in limited(data, "zh_texts", MOST_OF_A_SOURCE):
        if row["title"]:
            texts["zh titles"].add(row["title"])
        elif row.get("para"):
            texts["zh titles"].add(row["text"])
            continue
        texts["zh passages"].add(passage(row["text"], "zh", rng))
        texts["zh sentences"].update(sentences(row["text"], "zh")[:1])
    for row in rows(data, "zh_wiki_articles"):
        texts["zh titles"].add(row["title"])
        texts["zh wiki passages"].add(passage(row["text"], "zh", rng))
        found = sentences(row["text"], "zh")
        texts["zh sentences"].update(rng.sample(found, min(2, len(found))))


def _add_parallel(data: Path, texts: dict[str, set[str]]) -> None:
    for row in rows(data, "parallel"):
        if held_out(row["en"]):
            continue
        if row["lang"].startswith("zh"):
            texts["zh parallel"].add(row["other"])
            texts["en parallel"].add(row["en"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
