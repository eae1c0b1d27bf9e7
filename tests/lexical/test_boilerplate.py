"""Boilerplate is what enough texts of an account repeat word for word, compared with plain counting."""

import random

import pytest

from simrec.lexical.boilerplate import Boilerplate

WORDS = ["tide", "harbour", "pilot", "moon", "rope", "gull", "storm", "net", "salt", "keel"]
BOX = "Subscribe to our letter and never miss what the harbour brings to your table"
CHINESE_BOX = "欢迎关注我们的公众号每天早上为您送来港口最新消息与潮汐时间表"


def text_of(seed: int, n_words: int = 60) -> str:
    rng = random.Random(seed)
    return " ".join(f"{rng.choice(WORDS)}{rng.randrange(1_000)}" for _ in range(n_words))


def plain_count(texts: list[str], least: int, length: int = 10) -> list[str]:
    """Return the words of each text that stand in no run that `least` texts have."""
    runs = [
        [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]
        for words in (text.split() for text in texts)
    ]
    kept = []
    for text, own in zip(texts, runs, strict=True):
        words = text.split()
        covered = set()
        for first, run in enumerate(own):
            if sum(run in others for others in runs) >= least:
                covered.update(range(first, first + length))
        left = [word for place, word in enumerate(words) if place not in covered]
        kept.append(" ".join(left if len(left) >= 2 * length else words))
    return kept


@pytest.mark.parametrize("seed", range(8))
def test_runs_are_found_as_by_plain_counting(seed: int) -> None:
    rng = random.Random(seed)
    passages = [text_of(1_000 + number, rng.randint(8, 25)) for number in range(4)]
    texts = []
    for number in range(30):
        parts = [text_of(seed * 100 + number, rng.randint(5, 40))]
        for passage in passages:
            if rng.random() < 0.5:
                words = passage.split()
                parts.insert(rng.randint(0, len(parts)), " ".join(words[rng.randint(0, 3) :]))
        texts.append(" ".join(parts))
    found = Boilerplate.find(texts, share=0.01)
    assert [found.without(text) for text in texts] == plain_count(texts, least=10)


@pytest.mark.parametrize(
    ("n_texts", "repeats", "share", "found"),
    [
        (4, 4, 0.01, False),  # never fewer than five
        (5, 5, 0.01, True),
        (12, 5, 0.01, False),  # half of a small account
        (12, 6, 0.01, True),
        (100, 9, 0.01, False),  # ten of a larger one
        (100, 10, 0.01, True),
        (100, 24, 0.25, False),  # the share
        (100, 25, 0.25, True),
    ],
)
def test_how_many_texts_repeat_it(n_texts: int, repeats: int, share: float, found: bool) -> None:
    texts = [text_of(number) for number in range(n_texts)]
    framed = [f"{text} {BOX}" if row < repeats else text for row, text in enumerate(texts)]
    boilerplate = Boilerplate.find(framed, share)
    assert boilerplate.without(framed[0]) == (texts[0] if found else framed[0])
    assert Boilerplate.from_bytes(boilerplate.to_bytes()).spans(framed[0]) == (
        [(len(texts[0]) + 1, len(framed[0]))] if found else []
    )


def test_a_box_inside_a_sentence_and_a_short_line() -> None:
    texts = [f"{text_of(number)} {BOX}, {text_of(50 + number)}" for number in range(8)]
    texts = [f"{text}\n\nRead more" for text in texts]
    boilerplate = Boilerplate.find(texts, 0.01)
    assert boilerplate.without(texts[2]) == f"{text_of(2)} {text_of(52)}"
    inside = f"{text_of(99)} Read more of {text_of(98)}"
    assert boilerplate.without(inside) == inside, "a short line is one only where it stands alone"


def test_scripts_without_spaces() -> None:
    letters = [chr(0x4E00 + number) for number in range(3_000)]
    texts = ["".join(random.Random(seed).sample(letters, 80)) for seed in range(8)]
    framed = [f"{text}\n{CHINESE_BOX}" for text in texts]
    boilerplate = Boilerplate.find(framed, 0.01)
    assert [boilerplate.without(text) for text in framed] == texts


def test_a_text_of_nothing_else_keeps_all() -> None:
    texts = [f"{text_of(number, 19)}\n{BOX}" for number in range(10)]
    assert Boilerplate.find(texts, 0.01).without(texts[0]) == texts[0]
    texts = [f"{text_of(number, 20)}\n{BOX}" for number in range(10)]
    assert Boilerplate.find(texts, 0.01).without(texts[0]) == text_of(0, 20)
    assert Boilerplate.find(["", "a", " ", "\n", "b"], 0.01).without("") == ""
