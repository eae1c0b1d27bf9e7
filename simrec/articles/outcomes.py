"""What becomes of a row: it is rejected, not published, unchanged, or parsed into an article."""

from msgspec import Struct

from simrec.articles.article import Article
from simrec.articles.store_writer import Keys


class Remark(Struct, frozen=True, array_like=True, tag=True):
    """What was guessed or left out of a source, and may be meant otherwise; it is about no row."""

    file: str
    line: int
    text: str


class Rejected(Struct, frozen=True, array_like=True, tag=True):
    """A row that is not taken, and why; with `end` the rest of a damaged source is lost.

    `id` is that of the row where it can be read. An `unopened` source could not be opened at all,
    and the reason is a whole sentence.
    """

    file: str
    line: int
    reason: str
    end: bool = False
    id: str = ""
    unopened: bool = False


class Unpublished(Struct, frozen=True, array_like=True, tag=True):
    """A row that is not published, and why; `until` is the date of one that is to come."""

    file: str
    line: int
    id: str
    status: str
    until: str = ""


class Unchanged(Struct, frozen=True, array_like=True, tag=True):
    """A row whose article is stored and came from an equal record the last time."""

    file: str
    line: int
    id: str
    source_key: bytes
    unended: bool = False


class Parsed(Struct, frozen=True, array_like=True, tag=True):
    """A row that is new or changed, its keys, and the values that could not be read.

    An `unended` row may be cut.
    """

    file: str
    line: int
    article: Article
    keys: Keys
    problems: list[str]
    unended: bool = False

    @property
    def id(self) -> str:
        return self.article.id


RowOutcome = Remark | Rejected | Unpublished | Unchanged | Parsed
