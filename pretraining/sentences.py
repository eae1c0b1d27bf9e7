"""Make short sentences to teach with: captions, headlines and remarks, composed of openly licensed text.

    python pretraining/sentences.py everyday.txt encyclopedia.jsonl > sentences.jsonl

`everyday.txt` holds short English sentences, one a line (Tatoeba); `encyclopedia.jsonl` articles with a
text (Wikipedia). A student learns the teacher's vectors of any text; what it is asked later is full of
captions, headlines and remarks, of which there is little under an open licence. So they are composed: who does
what where, from the verbs and places of everyday sentences; headlines from encyclopedia sentences without
their small words; remarks from two everyday sentences. Not all of them make sense, and they need not.
"""

import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

CAPTIONS, HEADLINES, SPANS, REMARKS = 160_000, 100_000, 60_000, 60_000
DOING = re.compile(
    r"^(?:\w+ ){1,3}?(?:is|are|was|were) (?:\w+ly )?(?P<doing>\w{2,}ing\b[^.?!,;]{0,60})[.!]$"
)
PLACE = re.compile(
    r"\b(?P<place>(?:in|on|at|near|by|under|behind|beside|across|through|along|over) (?:a|an|the) \w+(?: \w+)?)[.!]$"
)
THING = re.compile(r"\b(?P<thing>(?:a|an|the) (?:\w+ )?\w+)[.!]$")
NO_DOING = {
    "going",
    "being",
    "having",
    "coming",
    "getting",
    "thinking",
    "wondering",
    "planning",
    "trying",
    "expecting",
}
PERSONS = """
    man woman boy girl child baby person lady guy kid dog cat horse bird player musician worker chef cyclist
    surfer soldier dancer skateboarder monkey elephant teenager couple toddler puppy kitten cowboy policeman
    farmer
""".split()
LOOKS = "young old little small big tall black white brown blond elderly smiling bearded happy tired wet".split()
COLOURS = "red blue green yellow black white pink orange gray purple striped".split()
CLOTHES = "shirt dress hat jacket coat helmet uniform sweater cap suit bikini skirt".split()
COUNTS = ["two", "three", "four", "several", "a group of", "some", "many"]
SMALL = set(
    """
    the a an was were is are been be has had have which that who it its his her their this these also
""".split()
)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")


def main(everyday: Path, encyclopedia: Path) -> None:
    """Print the sentences as JSON lines with an id and a text, each text once."""
    chance = random.Random(0)
    daily = everyday.read_text(encoding="utf-8").splitlines()
    with encyclopedia.open(encoding="utf-8") as file:
        learned = [
            sentence
            for line in file
            for sentence in SENTENCE_END.split(json.loads(line)["text"])[:3]
        ]
    seen: set[str] = set()
    for kind, texts in {
        "caption": captions(daily, chance),
        "headline": headlines(learned, chance),
        "span": spans(learned, chance),
        "remark": remarks(daily, chance),
    }.items():
        for number, text in enumerate(texts):
            if text not in seen:
                seen.add(text)
                print(json.dumps({"id": f"{kind}/{number}", "text": text}, ensure_ascii=False))


def captions(daily: list[str], chance: random.Random) -> Iterator[str]:
    """Compose who is doing what, where."""
    doings = sorted(
        {
            m["doing"]
            for s in daily
            if (m := DOING.match(s)) and m["doing"].split()[0] not in NO_DOING
        }
    )
    places = sorted({m["place"] for s in daily if (m := PLACE.search(s))})
    things = sorted({m["thing"] for s in daily if (m := THING.search(s))})
    for _ in range(CAPTIONS):
        who, many = subject(chance)
        form = chance.random()
        if form < 0.7:
            text = f"{who} {'are' if many else 'is'} {chance.choice(doings)}"
        elif form < 0.85:
            text = f"{who} {'are' if many else 'is'} {chance.choice(doings).split()[0]} {chance.choice(things)}"
        else:
            text = f"{who} with {chance.choice(things)}"
        if chance.random() < 0.35:
            text += f" {chance.choice(places)}"
        yield text[0].upper() + text[1:] + ("." if chance.random() < 0.7 else "")


def subject(chance: random.Random) -> tuple[str, bool]:
    """Return who it is, with what can be seen of them, and whether they are many."""
    person, look = (
        chance.choice(PERSONS),
        f"{chance.choice(LOOKS)} " if chance.random() < 0.4 else "",
    )
    wears = (
        f" in a {chance.choice(COLOURS)} {chance.choice(CLOTHES)}" if chance.random() < 0.2 else ""
    )
    if chance.random() < 0.25:
        plural = {
            "man": "men",
            "woman": "women",
            "child": "children",
            "person": "people",
            "policeman": "policemen",
        }
        return f"{chance.choice(COUNTS)} {look}{plural.get(person, person + 's')}{wears}", True
    one = f"{look}{person}{wears}"
    return f"{'an' if one[0] in 'aeiou' else 'a'} {one}", False


def headlines(learned: list[str], chance: random.Random) -> Iterator[str]:
    """Leave the small words out of the beginning of a sentence."""
    for sentence in chance.sample(learned, min(HEADLINES, len(learned))):
        words = [word for word in sentence.rstrip(".").split() if word.lower() not in SMALL]
        if len(words) >= 5:
            yield " ".join(words[: chance.randint(5, 12)]).rstrip(",;:")


def spans(learned: list[str], chance: random.Random) -> Iterator[str]:
    """Cut some words out of the middle of a sentence."""
    for sentence in chance.sample(learned, min(SPANS, len(learned))):
        words = sentence.split()
        length = chance.randint(4, 15)
        start = chance.randrange(max(1, len(words) - length))
        if len(words) >= 6:
            yield " ".join(words[start : start + length])


def remarks(daily: list[str], chance: random.Random) -> Iterator[str]:
    """Put two everyday sentences beside each other."""
    for _ in range(REMARKS):
        yield " ".join(chance.sample(daily, 2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
