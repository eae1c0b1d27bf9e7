"""The text that says why a pair of articles is in the table of similar articles."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute

from simrec.articles.store import ArticleMeta
from simrec.recommend.candidates import NO_GROUP, group_numbers
from simrec.recommend.clicks import Clicks
from simrec.recommend.rules.editors import EditorsChoices, pack_pairs
from simrec.recommend.shared_words import WORDS

ORPHAN = 0  # the rank by score of an article that was given its place


class PairReasons:
    """Builds the reasons of pairs, such as `Yukos, Rosneft; same category`, and what rules did."""

    def __init__(
        self,
        articles: Sequence[ArticleMeta],
        words: Sequence[str],
        places: int,
        choices: EditorsChoices,
        clicks: Clicks | None,
    ) -> None:
        self._words = pyarrow.array(words, pyarrow.string())
        self._places = places
        self._choices = choices
        self._clicks = clicks
        self._accounts = _codes([article.account for article in articles])
        self._categories = _codes([article.category for article in articles])

    def texts(
        self,
        articles: NDArray[np.int64],
        similar: NDArray[np.int32],
        words: NDArray[np.int32],
    ) -> pyarrow.Array:
        """Return the reasons of pairs of rows, whose shared words [pairs, WORDS] count from 1."""
        parts = [
            self._shared(words),
            _where(self._were_read_together(articles, similar), "read together"),
            _where(_same(self._accounts, articles, similar), "same account"),
            _where(_same(self._categories, articles, similar), "same category"),
        ]
        return _joined(parts, "; ")

    def rules(
        self,
        articles: NDArray[np.int64],
        similar: NDArray[np.int32],
        score_ranks: NDArray[np.uint16],
    ) -> pyarrow.Array:
        """Return what the rules and the editors did to pairs of rows: "" of most."""
        is_pinned = np.isin(
            pack_pairs(articles, similar.astype(np.int64)), self._choices.pinned_pairs
        )
        parts = [
            _where(is_pinned, "pinned by editors"),
            _where(np.isin(similar, self._choices.preferred), "preferred by editors"),
            _where((score_ranks == ORPHAN) & ~is_pinned, "seldom recommended"),
            _where(score_ranks > self._places, _by_score(score_ranks)),
        ]
        return _joined(parts, "; ")

    def _were_read_together(
        self, articles: NDArray[np.int64], similar: NDArray[np.int32]
    ) -> NDArray[np.bool_]:
        if self._clicks is None:
            return np.zeros(len(articles), bool)
        strengths = self._clicks.strengths_of(articles, similar.astype(np.int64)[:, None])
        were_read: NDArray[np.bool_] = strengths[:, 0] > 0
        return were_read

    def _shared(self, words: NDArray[np.int32]) -> pyarrow.Array:
        columns = []
        for position in range(WORDS):
            numbers = words[:, position] - 1
            columns.append(self._words.take(pyarrow.array(numbers, mask=numbers < 0)))
        texts = _joined(columns, ", ")
        return _where(compute.not_equal(texts, ""), texts)


def _codes(names: Sequence[str | None]) -> NDArray[np.int64]:
    """Return a number for every name, the same for the same, and NO_GROUP for None.

    Where all have one name it is NO_GROUP as well: that they share it is no reason.
    """
    codes = group_numbers(names)
    return codes if codes.max(initial=NO_GROUP) > 0 else np.full(len(codes), NO_GROUP)


def _same(
    codes: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int32]
) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (codes[left] == codes[right]) & (codes[left] != NO_GROUP)
    return same


def _by_score(score_ranks: NDArray[np.uint16]) -> pyarrow.Array:
    numbers = pyarrow.array(score_ranks).cast("string")
    return compute.binary_join_element_wise("number", numbers, "by score", " ")


def _where(condition: Any, text: "str | pyarrow.Array") -> pyarrow.Array:
    """Return the text where the condition holds, null elsewhere."""
    return compute.if_else(pyarrow.array(condition), text, None)


def _joined(columns: Sequence[pyarrow.Array], separator: str) -> pyarrow.Array:
    """Join the texts of each row that are not null; "" where all are.

    pyarrow's own way of skipping nulls returns null for a row whose texts are all null.
    """
    parts = []
    for column in columns:
        text = compute.binary_join_element_wise(separator, column, "")
        parts.append(compute.coalesce(text, ""))
    joined = compute.binary_join_element_wise(*parts, "")
    return compute.utf8_ltrim(joined, separator)
