"""Make short sentences for a teacher: captions, headlines and remarks from openly licensed text.

    python pretraining/sentences.py everyday.txt encyclopedia.jsonl > sentences.jsonl

`everyday.txt` holds short English sentences, one a line (Tatoeba); `encyclopedia.jsonl` articles
with a text (Wikipedia). A student learns the teacher's vectors of any text; later it is given many
captions, headlines and remarks, of which there is little under an open licence. So they are
composed: captions from the verbs and places of everyday sentences; headlines from encyclopedia
sentences without their small words; remarks from two everyday sentences. Not all of them make
sense, and they need not.
"""

import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

CAPTIONS = 160_000
HEADLINES = 100_000
SPANS = 60_000
REMARKS = 60_000
MIN_HEADLINE_WORDS = 5
MIN_SPAN_WORDS = 6
DOING = re.compile(
    r"^(?:\w+ ){1,3}?(?:is|are|was|were) (?:\w+ly )?(?P<doing>\w{2,}ing\b[^.?!,;]{0,60})[.!]$"
)
PLACE = re.compile(
    r"\b(?P<place>(?:in|on|at|near|by|under|behind|beside|across|through|along|over) "
    r"(?:a|an|the) \w+(?: \w+)?)[.!]$"
)
THING = re.compile(r"\b(?P<thing>(?:a|an|the) (?:\w+ )?\w+)[.!]$")
NO_DOING = set(
    "going being having coming getting thinking wondering planning trying expecting".split()
)
PERSONS = """
    man woman boy girl child baby person lady guy kid dog cat horse bird player musician worker chef
    cyclist surfer soldier dancer skateboarder monkey elephant teenager couple toddler puppy kitten
    cowboy policeman farmer
""".split()
LOOKS = """
    young old little small big tall black white brown blond elderly smiling bearded happy tired wet
""".split()
COLOURS = "red blue green yellow black white pink orange gray purple striped".split()
CLOTHES = "shirt dress hat jacket coat helmet uniform sweater cap suit bikini skirt".split()
COUNTS = ["two", "three", "four", "several", "a group of", "some", "many"]
SMALL = set(
    """
    the a an was were is are been be has had have which that who it its his her their this these
    also
""".split()
)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")


PLURALS = {
    "man": "men",
    "woman": "women",
    "child": "children",
    "person": "people",
    "policeman": "policemen",
}


def main(everyday: Path, encyclopedia: Path) -> None:
    """Print the sentences as JSON lines with an id and a text, each text once."""
    rng = random.Random(0)
    daily = everyday.read_text(encoding="utf-8").splitlines()
    learned = encyclopedia_sentences(encyclopedia)
    seen: set[str] = set()
    for kind, texts in {
        "caption": captions(daily, rng),
        "headline": headlines(learned, rng),
        "span": spans(learned, rng),
        "remark": remarks(daily, rng),
    }.items():
        for number, text in enumerate(texts):
            if text not in seen:
                seen.add(text)
                print(json.dumps({"id": f"{kind}/{number}", "text": text}, ensure_ascii=False))


def encyclopedia_sentences(path: Path) -> list[str]:
    """Return the first three sentences of each article."""
    sentences = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            sentences += SENTENCE_END.split(json.loads(line)["text"])[:3]
    return sentences


def captions(daily: list[str], rng: random.Random) -> Iterator[str]:
    """Compose who is doing what, where."""
    doings = [what for what in matches(DOING, "doing", daily) if what.split()[0] not in NO_DOING]
    places = matches(PLACE, "place", daily)
    things = matches(THING, "thing", daily)
    for _ in range(CAPTIONS):
        who, is_plural = subject(rng)
        verb = "are" if is_plural else "is"
        form = rng.random()
        if form < 0.7:
            text = f"{who} {verb} {rng.choice(doings)}"
        elif form < 0.85:
            text = f"{who} {verb} {rng.choice(doings).split()[0]} {rng.choice(things)}"
        else:
            text = f"{who} with {rng.choice(things)}"
        if rng.random() < 0.35:
            text += f" {rng.choice(places)}"
        yield text[0].upper() + text[1:] + ("." if rng.random() < 0.7 else "")


def matches(pattern: re.Pattern[str], group: str, sentences: list[str]) -> list[str]:
    """Return what a group of the pattern matches in the sentences, in order of the alphabet."""
    found = (pattern.search(sentence) for sentence in sentences)
    return sorted({match[group] for match in found if match})


def subject(rng: random.Random) -> tuple[str, bool]:
    """Return who it is, with what can be seen of them, and whether it is plural."""
    person = rng.choice(PERSONS)
    look = f"{rng.choice(LOOKS)} " if rng.random() < 0.4 else ""
    clothes = ""
    if rng.random() < 0.2:
        clothes = f" in a {rng.choice(COLOURS)} {rng.choice(CLOTHES)}"
    if rng.random() < 0.25:
        plural = PLURALS.get(person, f"{person}s")
        return f"{rng.choice(COUNTS)} {look}{plural}{clothes}", True
    single = f"{look}{person}{clothes}"
    article = "an" if single[0] in "aeiou" else "a"
    return f"{article} {single}", False


def headlines(learned: list[str], rng: random.Random) -> Iterator[str]:
    """Leave the small words out of the beginning of a sentence."""
    for sentence in rng.sample(learned, min(HEADLINES, len(learned))):
        words = [word for word in sentence.rstrip(".").split() if word.lower() not in SMALL]
        if len(words) >= MIN_HEADLINE_WORDS:
            yield " ".join(words[: rng.randint(5, 12)]).rstrip(",;:")


def spans(learned: list[str], rng: random.Random) -> Iterator[str]:
    """Cut some words out of the middle of a sentence."""
    for sentence in rng.sample(learned, min(SPANS, len(learned))):
        words = sentence.split()
        length = rng.randint(4, 15)
        start = rng.randrange(max(1, len(words) - length))
        if len(words) >= MIN_SPAN_WORDS:
            yield " ".join(words[start : start + length])


def remarks(daily: list[str], rng: random.Random) -> Iterator[str]:
    """Put two everyday sentences beside each other."""
    for _ in range(REMARKS):
        yield " ".join(rng.sample(daily, 2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
