"""Judging by people: pairs of articles, and two lists side by side, both shown blind.

What is shown says nothing of scores, ranks and releases; which list stands left, and the order of
pairs, is decided by a hash, so that another judge sees the same.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from simrec.errors import UnknownIdError
from simrec.evaluate.judgement_files import Grades, Preference, csv_line, shown_text, trec_line
from simrec.recommend.table_reader import TableReader

DEPTH = 10  # places of a list that are judged
POOL_COLUMNS = ("topic", "article", "grade", "topic_title", "article_title", "url")

ListOf = Callable[[str], Sequence[str]]  # ids of the list of an article, best first


class JudgedSystem(NamedTuple):
    """A release, or a way to ask it, whose lists are judged."""

    name: str
    list_of: ListOf


class PooledPair(NamedTuple):
    """An article that some system recommends for a topic, which is an article as well."""

    topic: str
    article: str


class SideBySide(NamedTuple):
    """Two lists of a topic; the names of their systems are not shown."""

    topic: str
    left: JudgedSystem
    right: JudgedSystem

    def preference(
        self,
        choice: str,
    ) -> Preference:
        """Return what a judge's choice means: left, right, or "" for neither."""
        names = {"left": self.left.name, "right": self.right.name}
        first, second = sorted(names.values())
        return Preference(self.topic, first, second, names.get(choice, ""))


def published_lists(
    name: str,
    tables: TableReader,
    depth: int = DEPTH,
) -> JudgedSystem:
    """Return the published lists of a release; an article it does not hold has an empty one."""

    def list_of(article: str) -> list[str]:
        try:
            row = tables.article_row(article)
        except UnknownIdError:
            return []
        return [hit.id for hit in tables.similar_articles(row, min(depth, tables.list_length))]

    return JudgedSystem(name, list_of)


def draw_topics(ids: Iterable[str], n: int, judged: Collection[str] = ()) -> list[str]:
    """Return n articles to judge, of the lowest hashes of their ids, but none of the judged."""
    left = [article for article in ids if article not in judged]
    return sorted(left, key=_hash)[:n]


def pool(
    topics: Sequence[str],
    systems: Sequence[JudgedSystem],
) -> list[PooledPair]:
    """Return what any system recommends for the topics, topics in order, articles in none."""
    pairs = []
    for topic in topics:
        articles: set[str] = set()
        for system in systems:
            articles.update(system.list_of(topic))
        of_topic = [PooledPair(topic, article) for article in articles]
        pairs += sorted(of_topic, key=_order)
    return pairs


def _order(pair: PooledPair) -> str:
    return _hash("\0".join(pair))


def unjudged(
    pairs: Sequence[PooledPair],
    grades: Grades,
) -> list[PooledPair]:
    """Return the pairs that no judgement is known of."""
    return [pair for pair in pairs if pair.article not in grades.get(pair.topic, {})]


def side_by_side(
    topics: Sequence[str],
    first: JudgedSystem,
    second: JudgedSystem,
) -> list[SideBySide]:
    """Return the topics of which two systems have different lists, and which stands left."""
    sides = []
    for topic in topics:
        if list(first.list_of(topic)) == list(second.list_of(topic)):
            continue
        left, right = sorted((first, second), key=lambda system: system.name)
        if int(_hash("\0".join([topic, left.name, right.name])), 16) % 2:
            left, right = right, left
        sides.append(SideBySide(topic, left, right))
    return sides


def trec_pool(pairs: Sequence[PooledPair]) -> str:
    """Return a pool in TREC's format, topic 0 article in each line."""
    lines = [trec_line(*pair) for pair in pairs]
    return "".join(f"{line}\n" for line in lines)


def csv_pool(
    pairs: Sequence[PooledPair],
    describe: Callable[[str], tuple[str, str]],
) -> str:
    """Return a pool as CSV with an empty column for grades, to be filled in by others.

    describe returns title and address of an article.
    """
    lines = [csv_line(POOL_COLUMNS)]
    for topic, article in pairs:
        topic_title, _ = describe(topic)
        title, url = describe(article)
        shown = (shown_text(topic_title), shown_text(title), shown_text(url))
        lines.append(csv_line((topic, article, "", *shown)))
    return "".join(f"{line}\n" for line in lines)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
