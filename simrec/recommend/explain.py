"""Explanations: why a hit is one, from the texts themselves."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from simrec.encoder.runtime import Encoder
from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TfIdf
from simrec.lexical.words import term_id, words
from simrec.recommend.hits import Explanation, Hit

SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
PASSAGE = 120  # characters from which sentences are long enough to be compared
PASSAGES = 40  # of a text are compared
WORDS = 5


class Explainer:
    """Explains hits by an encoder and, where words have a share in scores, by their weights in a file."""

    def __init__(self, encoder: Path, lexical: Path | None, weight: float) -> None:
        self._encoder = Encoder(encoder)
        self._lexical, self._weight = TfIdf.open(lexical) if lexical else None, weight

    def why(self, question: str, hit: str) -> Explanation:
        """Say what two texts share; notes are left to who knows more of them."""
        own, others = passages(question), passages(hit)
        if not (own and others):
            return Explanation([], [], [])
        vectors = self._encoder.encode([*own, *others])
        scores = vectors[: len(own)] @ vectors[len(own) :].T
        if self._lexical:
            terms = self._lexical.encode([*own, *others])
            rows = np.broadcast_to(np.arange(len(others)), scores.shape)
            scores = TermVectors(terms[len(own) :]).hybrid_scores(
                scores, terms[: len(own)], rows, self._weight
            )
        left, right = np.unravel_index(scores.argmax(), scores.shape)
        return Explanation(self._shared(question, hit), [own[left], others[right]], [])

    def _shared(self, question: str, hit: str) -> list[str]:
        if self._lexical is None:
            return []
        terms = self._lexical.encode([question, hit])
        numbers = TermVectors(terms[1:]).top_shared_terms(terms[:1], np.array([[0]]), WORDS)[0, 0]
        known = {term_id(word): word for word in sorted(set(words(question)), reverse=True)}
        return [known[one] for one in numbers.tolist() if one in known]


def passages(text: str) -> list[str]:
    """Cut a text into passages of whole sentences, at least PASSAGE characters each but for the last."""
    found: list[str] = []
    growing = ""
    for sentence in filter(None, map(str.strip, SENTENCE.split(text))):
        growing = f"{growing} {sentence}" if growing else sentence
        if len(growing) >= PASSAGE:
            found.append(growing)
            growing = ""
    return [*found, growing][:PASSAGES] if growing else found[:PASSAGES]


def notes(hit: Hit, rank: int, seed: dict[str, Any] | None) -> list[str]:
    """Say what of the metadata is the same, and what the rules did to a hit of that rank."""
    said = [
        f"same {name}, {seed[name]}"
        for name in ("account", "category")
        if seed and seed[name] is not None and seed[name] == getattr(hit, name)
    ]
    if hit.seed_id:
        said.append(f"because of {hit.seed_id}")
    if hit.place == 0:
        said.append("a place for what stands in no other list")
    elif hit.place != rank:
        said.append(f"number {hit.place} by score alone")
    return said
