"""The data of a release's report, as report.json and map.json hold it."""

import json
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from simrec.articles.reject_reasons import REJECTED
from simrec.errors import ReleaseError
from simrec.index.index_facts import IndexFacts, Recall

# Of report.json; 3 did not know the recall of the candidates, 4 nothing of questions, of changes,
# and of lists that are weak.
FORMAT = 5
OURS = "simrec"  # the scorer that the others are compared with
TITLE = "title finds its article"  # questions as readers ask them, by the rules and without
HALF = "second half finds its article"
ASKED = (TITLE, HALF)
ENCODER = "encoder alone"  # the scorer without the words

Part = TypeVar("Part")


class ReportPart(Struct, omit_defaults=True):
    """A part of the report; a field with a default is written only where it has another value."""


class Difference(ReportPart):
    """How far simrec is ahead of another scorer: its 95 % interval, and p of no difference.

    p_holm is corrected for all measures against that scorer (Holm 1979); an older report has none.
    """

    value: float
    low: float
    high: float
    p: float
    p_holm: float | None = None

    @property
    def corrected_p(self) -> float:
        return self.p if self.p_holm is None else self.p_holm


class SuiteSummary(ReportPart, kw_only=True):
    """What a suite measured: a value of each scorer, or in `skipped` why there are none.

    Where there are values, `skipped` says what was left out. judged is the share of each scorer's
    first ten that people have judged, where judgements are measured: the rest counts as irrelevant.
    """

    suite: str
    measure: str
    queries: int
    candidates: int
    skipped: str = ""
    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    ahead_of: dict[str, Difference]
    judged: dict[str, float] = {}


class EncoderSummary(ReportPart):
    """What the encoder's card says of how it was made; an untrained one has only some of it."""

    id: str
    trained_here: bool
    encoder: dict[str, str | int | float | bool]
    start: str | None = None
    articles: int | None = None
    held_out: int | None = None
    history: list[dict[str, float]] | None = None
    gradient_reach: list[float] | None = None
    scores: dict[str, float] | None = None


class WordsSummary(ReportPart):
    """The share of words in a score."""

    share: float


class CorpusSummary(ReportPart):
    """How many articles there are, and of what; first and last are days."""

    count: int
    accounts: int
    categories: int
    languages: dict[str, int]
    first: str | None
    last: str | None


class Occurrences(ReportPart):
    """How many articles are in how many lists, by bins that begin at the edges."""

    edges: list[int]
    articles: list[int]


class AccountSpread(ReportPart):
    """How recommendations are spread over accounts, beside how articles are."""

    accounts: int
    of_the_same_account: float
    effective_published: float
    effective_recommended: float
    most_recommended: str
    its_share: float
    its_share_of_articles: float


class FreshnessFacts(ReportPart):
    """How far apart in time articles and their recommendations are; first and last are days."""

    median_days_apart: float
    newest_tenth: float
    newest_tenth_of_articles: float
    first: str
    last: str


class ListStatistics(ReportPart):
    """What the first k places of all lists are like."""

    k: int
    coverage: float
    hubness: float
    most_recommended: int
    never_recommended: int
    occurrences: Occurrences
    novelty_bits: float
    accounts: AccountSpread | None
    freshness: FreshnessFacts | None


class ExposureFacts(ReportPart):
    """How the lists, by all rules, spread over the articles that may be recommended.

    These are all but near-duplicates of another one and what is recommended nowhere. recommended is
    the share of them in the first k places of any list; ages are in days before the newest article.
    """

    articles: int
    places: int
    recommended: float
    recommended_in_any_place: float
    most_lists: int
    skewness: float
    median_age: float | None
    median_age_of_articles: float | None


class RuleEffect(ReportPart):
    """A measure of the first k places of the published lists, and of lists by score alone.

    lists counts what was compared: lists of articles, or answers to questions.

    low and high are the 95 % interval of the difference, published less without rules.
    """

    suite: str
    measure: str
    lists: int
    published: float
    without_rules: float
    low: float
    high: float


class ScoreHistogram(ReportPart):
    """Shares of scores by bin, of first places, of k-th places and of random pairs."""

    edges: list[float]
    shares: dict[str, list[float]]
    medians: dict[str, float | None]


class Stability(ReportPart):
    """How much of the lists of the release before is left, or why that is not known.

    rbo is the mean rank-biased overlap, which minds the order of the lists.
    """

    measure: str = ""
    value: float | None = None
    interval: tuple[float, float] | None = None
    before: str = ""
    articles: int | None = None
    unchanged: float | None = None
    skipped: str = ""
    rbo: float | None = None


class ShownArticle(ReportPart):
    """What the page shows of an article; title is how the text begins where there is none."""

    id: str
    title: str
    account: str | None = None
    date: str | None = None
    url: str | None = None


class ListQuality(ReportPart):
    """How many articles have a list, how many lists are weak, and what no list holds.

    A list is weak if its best score is below weak_below, which one random pair in a hundred is not.
    never_recommended counts what may be recommended and is in no place of any list; never shows the
    newest of them. similarity_within is the mean cosine of the articles of a list.
    """

    articles: int
    with_list: int
    weak: int
    weak_below: float
    never_recommended: int
    similarity_within: float | None
    never: list[ShownArticle]


class ChangedList(ReportPart):
    """An article whose list changed, with the titles that came and those that went."""

    article: ShownArticle
    came: list[str]
    went: list[str]


class Changes(ReportPart):
    """What changed since the release before: numbers of articles and lists, and the first."""

    before: str
    new: int
    gone: int
    lists: int
    newest: list[ShownArticle]
    most_changed: list[ChangedList]


class HubArticle(ShownArticle, kw_only=True):
    """An article and in how many lists it is."""

    lists: int


class Recommended(ShownArticle, kw_only=True):
    """A recommended article, with what the table of similar articles says of it."""

    score: float
    score_rank: int
    reason: str | None = None


class SampleSeed(ShownArticle, kw_only=True):
    """An article with its first recommendations, and why it was chosen."""

    why: str
    similar: list[Recommended]


class DuplicatesSummary(ReportPart):
    """How many rows the table of near-duplicates has, and titles in the first of them."""

    rows: int
    columns: list[str]
    first: list[dict[str, str]]


class RejectReason(ReportPart):
    """Why rows were rejected, how many were, and where the first of them is.

    `subject` tells whether it is about rows, values, sources, or what was guessed.
    """

    reason: str
    rows: int
    first: str
    subject: str = REJECTED


class Report(ReportPart):
    """All of report.json."""

    format: int
    release: str
    encoder: EncoderSummary
    words: WordsSummary
    index: IndexFacts
    candidates: Recall
    suites: list[SuiteSummary]
    articles: CorpusSummary
    lists: ListStatistics
    scores: ScoreHistogram
    hubs: list[HubArticle]
    stability: Stability
    seeds: list[SampleSeed]
    duplicates: DuplicatesSummary | None
    rejects: list[RejectReason]
    exposure: ExposureFacts | None = None
    rule_effects: list[RuleEffect] = []
    quality: ListQuality | None = None
    changes: Changes | None = None
    sites: list[str] = []


class ArticlePoint(NamedTuple):
    """A point of the map: place from 0 to 1, number of the group, and title."""

    x: float
    y: float
    group: int
    title: str


class AccountPoint(NamedTuple):
    """A point of the map: place from 0 to 1, number of articles, and account."""

    x: float
    y: float
    articles: int
    account: str


class ArticleMap(ReportPart):
    """The map of articles; marks say which articles and vectors the points are of.

    added counts the points that are new since the map was laid out.
    """

    coloured_by: str | None
    groups: list[str]
    points: list[ArticlePoint]
    marks: list[str]
    added: int


class AccountMap(ReportPart):
    """The map of the largest accounts."""

    points: list[AccountPoint]
    added: int


class Maps(ReportPart):
    """All of map.json."""

    articles: ArticleMap
    accounts: AccountMap


def read_part(path: Path, part: type[Part]) -> Part:
    """Read a report or maps, or a part of either; ReleaseError if it is damaged.

    Python's JSON reads figures that are no numbers, which the gates have to see.
    """
    try:
        return msgspec.convert(json.loads(path.read_bytes()), part)
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{path}: not readable ({error})") from error


def to_json(part: Struct) -> Any:
    """Return a part as JSON content, its keys in the order of the fields."""
    return msgspec.to_builtins(part)
