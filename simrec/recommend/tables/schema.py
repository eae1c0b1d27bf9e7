"""The tables of a release as data: SQLite and Parquet are written from what stands here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

VERSION = 4  # of the SQLite file; raised with release FORMAT when a column changes
SCORE_DECIMALS = 6  # of a score in SQLite and in sinks; beyond is noise of the machine
WORD_BITS = 21  # of each word of a pair, packed into one integer, the heaviest lowest

# Rows of a table as columns by name; articles and accounts are row numbers, texts pyarrow arrays.
Block = Mapping[str, Any]

Kind = Literal["article", "account", "label", "text", "integer", "score", "flag"]


class Column(NamedTuple):
    """A column, and which of the two files has it.

    An article or account is its row number in SQLite, which is small and quick to join, and its id
    in Parquet. A label is one of a few texts. A score is rounded to six decimals in SQLite.
    """

    name: str
    kind: Kind
    nullable: bool = False
    unique: bool = False
    in_sqlite: bool = True
    in_parquet: bool = True


@dataclass(frozen=True)
class TableSchema:
    """A table: its columns in order, and the key that names a row and by which rows are ordered."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    @property
    def sqlite_columns(self) -> list[Column]:
        return [column for column in self.columns if column.in_sqlite]

    @property
    def parquet_columns(self) -> list[Column]:
        return [column for column in self.columns if column.in_parquet]

    @property
    def parquet_key(self) -> tuple[str, ...]:
        """The key, where Parquet has all its columns."""
        names = {column.name for column in self.parquet_columns}
        return self.key if names.issuperset(self.key) else ()


def _sqlite(name: str, kind: Kind, nullable: bool = False, unique: bool = False) -> Column:
    return Column(name, kind, nullable, unique, in_parquet=False)


def _parquet(name: str, kind: Kind) -> Column:
    return Column(name, kind, in_sqlite=False)


ARTICLES = TableSchema(
    "articles",
    (
        _sqlite("row", "article"),
        _sqlite("id", "text", unique=True),
        _sqlite("title", "text"),
        _sqlite("lead", "text"),
        _sqlite("account", "text", nullable=True),
        _sqlite("published_at", "text", nullable=True),
        _sqlite("url", "text", nullable=True),
        _sqlite("lang", "text", nullable=True),
        _sqlite("category", "text", nullable=True),
        _sqlite("tags", "text"),
        _sqlite("original", "article", nullable=True),
    ),
    key=("row",),
)
# Of the articles that have one; a table that is missing in releases of earlier editions.
IMAGES = TableSchema(
    "images", (_sqlite("article", "article"), _sqlite("image", "text")), key=("article",)
)
SIMILAR_ARTICLES = TableSchema(
    "similar_articles",
    (
        Column("article", "article"),
        Column("rank", "integer"),
        Column("similar", "article"),
        Column("score", "score"),
        Column("score_rank", "integer"),  # by score alone; 0 of an orphan that was given this rank
        _sqlite("words", "integer"),  # packed numbers of the shared words, 0 where there are none
        _parquet("reason", "text"),
        _parquet("rules", "text"),  # what they did to this place, "" where they did nothing
    ),
    key=("article", "rank"),
)
WORDS = TableSchema("words", (_sqlite("number", "integer"), _sqlite("word", "text")), ("number",))
ACCOUNTS = TableSchema(
    "accounts",
    (
        _sqlite("row", "account"),
        _sqlite("id", "text", unique=True),
        _sqlite("articles", "integer"),
        _sqlite("first", "text", nullable=True),
        _sqlite("last", "text", nullable=True),
    ),
    key=("row",),
)
SIMILAR_ACCOUNTS = TableSchema(
    "similar_accounts",
    (
        Column("account", "account"),
        Column("rank", "integer"),
        Column("similar", "account"),
        Column("score", "score"),
        _parquet("articles", "integer"),  # of the similar account
        _parquet("few_articles", "flag"),  # one of the two has too few to be sure
    ),
    key=("account", "rank"),
)
EVIDENCE = TableSchema(
    "account_evidence",
    (
        Column("account", "account"),
        Column("similar", "account"),
        _sqlite("rank", "integer"),
        Column("article", "article"),
        Column("similar_article", "article"),
        Column("score", "score"),
    ),
    key=("account", "similar", "rank"),
)
ACCOUNT_TERMS = TableSchema(  # missing in releases of earlier editions, too
    "account_terms",
    (Column("account", "account"), Column("rank", "integer"), Column("term", "text")),
    key=("account", "rank"),
)
DUPLICATES = TableSchema(
    "duplicates", (_parquet("article", "article"), _parquet("original", "article"))
)
STORIES = TableSchema(
    "stories",
    (
        Column("story", "article"),  # the first article of the story
        Column("article", "article"),
        Column("lead", "flag"),  # the article that stands for the story
        Column("characters", "integer"),  # of the article's text
    ),
    key=("story", "article"),
)
FACTS = TableSchema(  # one row: places of each list, articles from which an account is sure
    "facts",
    (
        _sqlite("similar_articles", "integer"),
        _sqlite("similar_accounts", "integer"),
        _sqlite("min_articles", "integer"),
    ),
)


def changes_schema(table: TableSchema) -> TableSchema:
    """Return the table that says how a ranked table changed, in order of subject, change, rank."""
    subject = table.columns[0]
    columns = (
        _parquet(subject.name, subject.kind),
        _parquet("similar", subject.kind),
        _parquet("change", "label"),
        _parquet("rank", "integer"),
        _parquet("score", "score"),
    )
    return TableSchema(f"changes_{table.name}", columns)


RANKED = (SIMILAR_ARTICLES, SIMILAR_ACCOUNTS)
SQLITE_TABLES = (
    ARTICLES, IMAGES, SIMILAR_ARTICLES, WORDS, ACCOUNTS, SIMILAR_ACCOUNTS, EVIDENCE,
    ACCOUNT_TERMS, STORIES, FACTS,
)  # fmt: skip
PARQUET_TABLES = {
    table.name: table
    for table in (
        *RANKED,
        EVIDENCE,
        ACCOUNT_TERMS,
        DUPLICATES,
        STORIES,
        *(changes_schema(table) for table in RANKED),
    )
}
