"""Suites: questions with known answers that a corpus holds itself, without anybody labelling it."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from simrec.encoder.lexical import Lexical, Terms
from simrec.evaluate.metrics import precision, reciprocal_rank

SHORTEST_TEXT = 80  # characters; half of less is no text to find
FEWEST = 20  # questions below which a figure says nothing
FEWEST_OF_LABEL = 2
K = 10
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # lexical shares that are tried
WEIGHT = 0.5  # where nothing can be asked
MIDDLE = re.compile(r"\s")

Scorer = Callable[[Sequence[str], Sequence[str]], np.ndarray]


class Sampled(NamedTuple):
    """A sampled article: whether the encoder never saw it, its text, and what labels there are."""

    held_out: bool
    title: str
    text: str
    account: str | None
    category: str | None


@dataclass(frozen=True)
class Result:
    """What one suite measured for each scorer, or why it could not be measured."""

    suite: str
    measure: str
    questions: int
    values: dict[str, float]
    skipped: str = ""


def sample(rows: Iterable[tuple[bytes, str, str, str | None, str | None]], boundary: bytes) -> list[Sampled]:
    """Return sampled articles from (key of the text, title, text, account, category); keys below the boundary ask."""
    return [Sampled(key < boundary, title, text, account, category) for key, title, text, account, category in rows]


def run(sample: Sequence[Sampled], scorers: dict[str, Scorer]) -> list[Result]:
    """Ask every suite of every scorer on the same texts.

    Only articles held out from training ask; the others stand among the candidates.
    """
    sample = sorted(sample, key=lambda article: not article.held_out)
    return [
        _halves(sample, scorers),
        _known_item(sample, scorers),
        _same_label(sample, scorers, "category"),
        _same_label(sample, scorers, "account"),
    ]


def _halves(sample: Sequence[Sampled], scorers: dict[str, Scorer]) -> Result:
    """Let the first half of each text find its second half among all second halves."""
    long = [article for article in sample if len(article.text) >= SHORTEST_TEXT]
    pairs = [halves(article.text) for article in long]
    return _paired("split-half", _asking(long), pairs, scorers, f"texts of at least {SHORTEST_TEXT} characters")


def _known_item(sample: Sequence[Sampled], scorers: dict[str, Scorer]) -> Result:
    """Let each title find its text among all texts, which are compared without their titles."""
    titled = [article for article in sample if article.title and article.text]
    pairs = [(article.title, article.text) for article in titled]
    return _paired("known-item", _asking(titled), pairs, scorers, "articles with a title and a text")


def _asking(sample: Sequence[Sampled]) -> int:
    return sum(article.held_out for article in sample)


def _paired(name: str, asking: int, pairs: list[tuple[str, str]], scorers: dict[str, Scorer], of_what: str) -> Result:
    """Let the first `asking` left texts find their right ones among all right ones."""
    if asking < FEWEST:
        return Result(name, "MRR", asking, {}, f"only {asking} held-out {of_what}, of {FEWEST} needed")
    left, right = zip(*pairs, strict=True)
    values = {who: reciprocal_rank(scores(left[:asking], right)) for who, scores in scorers.items()}
    return Result(name, "MRR", asking, values)


def _same_label(sample: Sequence[Sampled], scorers: dict[str, Scorer], field: str) -> Result:
    """Let each text find others of its label among all labelled texts."""
    name, measure = f"same {field}", f"P@{K}"
    counts = Counter(getattr(article, field) for article in sample)
    del counts[None]
    labelled = [article for article in sample if counts[getattr(article, field)] >= FEWEST_OF_LABEL]
    labels = [getattr(article, field) for article in labelled]
    texts = [article.text or article.title for article in labelled]
    asking = _asking(labelled)
    if asking < FEWEST or len(set(labels)) < 2:
        why = f"only {asking} held-out articles share a {field} with others, of {len(set(labels))} different ones"
        return Result(name, measure, asking, {}, why)
    values = {who: precision(scores(texts[:asking], texts), labels, K) for who, scores in scorers.items()}
    return Result(name, measure, asking, values)


def halves(text: str) -> tuple[str, str]:
    """Cut a text at the white space nearest after its middle, or in the middle where there is none near."""
    middle = len(text) // 2
    space = MIDDLE.search(text, middle, middle + 40)
    cut = space.start() if space else middle
    return text[:cut], text[cut:].lstrip()


def encoder_scorer(encode: Callable[[Sequence[str]], np.ndarray]) -> Scorer:
    """Return a scorer by cosine of encoded texts, which encodes each text once for all suites."""
    known: dict[str, np.ndarray] = {}

    def vectors(texts: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, encode(new) if new else (), strict=True))
        return np.stack([known[text] for text in texts])

    return lambda left, right: vectors(left) @ vectors(right).T


def joint_scorer(scorer: Scorer, lexical: Lexical, weight: float) -> Scorer:
    """Return a scorer whose score is the cosine of two vectors side by side, the lexical one with that share."""
    known: dict[str, np.ndarray] = {}

    def terms(texts: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, lexical.terms(new), strict=True))
        return np.stack([known[text] for text in texts])

    def scores(left: Sequence[str], right: Sequence[str]) -> np.ndarray:
        cosines = scorer(left, right)
        all_right = np.broadcast_to(np.arange(len(right)), cosines.shape)
        return Terms(terms(right)).joint(cosines, terms(left), all_right, weight)

    return scores


def best_weight(sample: Sequence[Sampled], scorer: Scorer, lexical: Lexical) -> float:
    """Return the lexical share with which held-out titles and halves find their texts best, nothing being labelled.

    It is the middle one of those shares that come within a hundredth of the best mean; WEIGHT where
    there is nothing to ask.
    """
    scorers = {str(weight): joint_scorer(scorer, lexical, weight) for weight in WEIGHTS}
    results = [_halves(sample, scorers), _known_item(sample, scorers)]
    measured = [result.values for result in results if result.values]
    if not measured:
        return WEIGHT
    means = [float(np.mean([values[who] for values in measured])) for who in scorers]
    good = [weight for weight, mean in zip(WEIGHTS, means, strict=True) if mean >= max(means) - 0.01]
    return good[len(good) // 2]


def as_sentence(results: Sequence[Result]) -> str:
    """Return what was measured in one line, for the log."""
    measured = (
        f"{result.suite} {result.measure} " + " ".join(f"{who} {value:.3f}" for who, value in result.values.items())
        for result in results
        if result.values
    )
    return "; ".join(measured) or "the corpus is too small to measure anything"


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return results as the report keeps them, values rounded to four places."""
    return [
        {
            "suite": result.suite,
            "measure": result.measure,
            "questions": result.questions,
            **({"skipped": result.skipped} if result.skipped else {}),
            "values": {who: round(value, 4) for who, value in result.values.items()},
        }
        for result in results
    ]
