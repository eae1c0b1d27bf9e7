"""Explains hits: what two texts share, what of the metadata is the same, what the rules did."""

import re

import numpy as np

from simrec.encoder.runtime import Encoder
from simrec.lexical.shown_terms import LOOKED_AT, ShownTerms
from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TfIdf
from simrec.lexical.vocabulary import TermVocabulary, is_mute, words_by_id
from simrec.lexical.words import TERM_IDS
from simrec.recommend.hits import ArticleDetails, Explanation, Hit

SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
PASSAGE_CHARS = 120  # at least, so that there is enough to compare
MAX_PASSAGES = 40  # of a text
MAX_WORDS = 5


class Explainer:
    """Compares texts by the encoder and, unless tfidf is None, with `weight` by their terms.

    The vocabulary says which terms are shown.
    """

    def __init__(
        self, encoder: Encoder, tfidf: TfIdf | None, weight: float, vocabulary: TermVocabulary
    ) -> None:
        self._encoder = encoder
        self._tfidf = tfidf
        self._weight = weight
        self._vocabulary = vocabulary
        self._shown_terms = ShownTerms.of(vocabulary)

    def explain(self, seed_text: str, hit_text: str) -> Explanation:
        """Return the words that two texts share and their closest passages, without notes."""
        seed_passages = passages(seed_text)
        hit_passages = passages(hit_text)
        if not (seed_passages and hit_passages):
            return Explanation([], [], [])
        seed_index, hit_index = self._closest(seed_passages, hit_passages)
        closest = [seed_passages[seed_index], hit_passages[hit_index]]
        return Explanation(self._shared_words(seed_text, hit_text), closest, [])

    def _closest(self, seed_passages: list[str], hit_passages: list[str]) -> tuple[int, int]:
        """Return which passage of each text is in the pair of highest score."""
        texts = [*seed_passages, *hit_passages]
        seeds = len(seed_passages)
        vectors = self._encoder.encode(texts)
        scores = vectors[:seeds] @ vectors[seeds:].T
        if self._tfidf:
            terms = self._tfidf.encode(texts)
            columns = np.broadcast_to(np.arange(len(hit_passages)), scores.shape)
            scores = TermVectors(terms[seeds:]).hybrid_scores(
                scores, terms[:seeds], columns, self._weight
            )
        seed, hit = np.unravel_index(scores.argmax(), scores.shape)
        return int(seed), int(hit)

    def _shared_words(self, seed_text: str, hit_text: str) -> list[str]:
        """Return the words that add most to the score, heaviest first."""
        if self._tfidf is None:
            return []
        seed_terms, hit_terms = np.split(self._tfidf.encode([seed_text, hit_text]), 2)
        shared = TermVectors(hit_terms).top_shared_terms(
            self._shown_terms.weigh(seed_terms), np.array([[0]]), LOOKED_AT
        )
        items = self._shown_terms.choose(shared[0], MAX_WORDS)[0].tolist()
        names = words_by_id(seed_text, items)
        shown = []
        for item in items:
            name = self._vocabulary.name(item) or names.get(item, "")
            if item >= TERM_IDS or (name and not is_mute(name)):
                shown.append(name)
        return shown


def passages(text: str) -> list[str]:
    """Return passages of whole sentences, of PASSAGE_CHARS or more characters but the last."""
    found = []
    passage = ""
    for sentence in SENTENCE_END.split(text):
        passage = f"{passage} {sentence.strip()}".strip()
        if len(passage) >= PASSAGE_CHARS:
            found.append(passage)
            passage = ""
    if passage:
        found.append(passage)
    return found[:MAX_PASSAGES]


def notes(
    hit: Hit,
    rank: int,
    seed: ArticleDetails | None,
    is_pinned: bool = False,
    is_read_with_seed: bool = False,
) -> list[str]:
    """Return what a hit of that rank has in common with its seed, and what the rules did to it."""
    found = ["read together"] if is_read_with_seed else []
    if seed and seed.account is not None and seed.account == hit.account:
        found.append(f"same account, {seed.account}")
    if seed and seed.category is not None and seed.category == hit.category:
        found.append(f"same category, {seed.category}")
    if hit.seed_id:
        found.append(f"because of {hit.seed_id}")
    if is_pinned:
        found.append("pinned by editors")
    elif hit.score_rank == 0:
        found.append("a place for what stands in no other list")
    elif hit.score_rank != rank:
        found.append(f"number {hit.score_rank} by score alone")
    return found
