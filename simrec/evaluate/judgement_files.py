"""Files of judgements: grades of articles for an article, and which of two lists people prefer."""

import csv
import re
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from simrec import files
from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import read_all
from simrec.config import Fields, SourceConfig
from simrec.errors import ConfigError, UsageError

GRADE_COLUMNS = ("topic", "article", "grade")
PREFERENCE_COLUMNS = ("topic", "first", "second", "preferred")
LINK_COLUMNS = ("id_a", "id_b")
TREC = ".qrels"
LINE_BREAKS = re.compile(r"[\r\n]+")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # begins what a spreadsheet would run

Grades = dict[str, dict[str, int]]  # by the id of the topic and of the article


class Preference(NamedTuple):
    """Which of two lists of an article somebody prefers; preferred is "" where neither is."""

    topic: str
    first: str
    second: str
    preferred: str


def holds_grades(path: Path) -> bool:
    """Tell whether a file holds grades of articles: TREC qrels, or CSV with their columns."""
    return path.suffix == TREC or _has_columns(path, GRADE_COLUMNS)


def holds_preferences(path: Path) -> bool:
    """Tell whether a file holds preferences."""
    return _has_columns(path, PREFERENCE_COLUMNS)


def _has_columns(
    path: Path,
    columns: tuple[str, ...],
) -> bool:
    if path.suffix != ".csv" or not path.exists():
        return False
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(csv.reader(file), [])
    return set(columns) <= set(header)


def read_grades(path: Path) -> Grades:
    """Return the grades of a file by id; of a pair that was judged twice the last one counts.

    A row of CSV without a grade is not judged yet. ConfigError names a line that is no judgement.
    """
    grades: Grades = {}
    for topic, article, grade in _trec_rows(path) if path.suffix == TREC else _csv_rows(path):
        grades.setdefault(topic, {})[article] = grade
    return grades


def _trec_rows(path: Path) -> Iterator[tuple[str, str, int]]:
    """Yield topic, article and grade of each line of TREC qrels."""
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            topic, _, article, grade = line.split()
            yield topic, article, int(grade)
        except ValueError:
            raise ConfigError(
                f"{path}, line {number}: {line[:80]!r} is no judgement; a line is topic 0 article "
                "grade, four columns of which the last is a whole number"
            ) from None


def _csv_rows(path: Path) -> Iterator[tuple[str, str, int]]:
    """Yield topic, article and grade of each row of CSV that has a grade."""
    for number, row in _records(path):
        grade = (row["grade"] or "").strip()
        if not grade:
            continue
        if not grade.isdecimal() or not row["topic"] or not row["article"]:
            raise ConfigError(
                f"{path}, line {number}: a judgement has a topic, an article and a grade, which "
                f"is a whole number of at least 0; this grade is {grade[:20]!r}"
            )
        yield row["topic"], row["article"], int(grade)


def read_links(path: Path) -> Grades:
    """Return links of articles, id_a and id_b, as grades of 1; nothing of a file of another kind.

    Rows that are no links are left out; who reads the texts of links names them.
    """
    grades: Grades = {}
    fields = Fields(id="", text="")
    for row in read_all(open_sources(SourceConfig(path=str(path)), fields)):
        record = {} if row.problem else row.record
        topic, article = (record.get(column) for column in LINK_COLUMNS)
        if isinstance(topic, str) and isinstance(article, str):
            grades.setdefault(topic, {})[article] = 1
    return grades


def read_preferences(path: Path) -> list[Preference]:
    """Return the preferences of a file; of lists that were judged twice the last one counts."""
    preferences: dict[tuple[str, str, str], Preference] = {}
    for number, row in _records(path):
        values = [row[column] or "" for column in PREFERENCE_COLUMNS]
        preference = Preference(*values)
        allowed = ("", preference.first, preference.second)
        if not all(preference[:3]) or preference.preferred not in allowed:
            raise ConfigError(
                f"{path}, line {number}: preferred is one of first and second, or empty; "
                f"this one is {preference.preferred[:40]!r}"
            )
        preferences[preference[:3]] = preference
    return list(preferences.values())


def _records(path: Path) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    """Yield the line and columns of each row of CSV."""
    reader = csv.DictReader(StringIO(_text(path), newline=""))
    for row in reader:
        yield reader.line_num, row


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def append_grade(
    path: Path,
    topic: str,
    article: str,
    grade: int,
) -> None:
    """Add a judgement to a file, which is made first where there is none."""
    if path.suffix == TREC:
        files.append_line(path, trec_line(topic, article, grade))
        return
    _append(path, GRADE_COLUMNS, (topic, article, str(grade)))


def append_preference(
    path: Path,
    preference: Preference,
) -> None:
    """Add a preference to a file, which is made first where there is none."""
    _append(path, PREFERENCE_COLUMNS, preference)


def _append(
    path: Path,
    columns: tuple[str, ...],
    values: tuple[str, ...],
) -> None:
    if path.exists() and not _has_columns(path, columns):
        raise UsageError(
            f"{path}: judgements go to a file of their own, a CSV with the columns "
            f"{', '.join(columns)}; name another one with --output"
        )
    if not path.exists():
        files.append_line(path, csv_line(columns))
    files.append_line(path, csv_line(values))


def csv_line(
    values: tuple[str, ...],
) -> str:
    """Return values as one line of CSV; a line break within one becomes a space."""
    cells = []
    for value in values:
        cell = LINE_BREAKS.sub(" ", value)
        needs_quotes = any(character in cell for character in ',"')
        cells.append('"' + cell.replace('"', '""') + '"' if needs_quotes else cell)
    return ",".join(cells)


def shown_text(text: str) -> str:
    """Return a text for a cell of a spreadsheet, which must not take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def trec_line(
    topic: str,
    article: str,
    grade: int | None = None,
) -> str:
    """Return a line of TREC qrels, or of a pool without a grade. UsageError for ids with spaces."""
    for article_id in (topic, article):
        if len(article_id.split()) != 1:
            raise UsageError(
                f"the id {article_id!r} has white space, which TREC files cannot hold; "
                "name a file that ends in .csv"
            )
    line = f"{topic} 0 {article}"
    return line if grade is None else f"{line} {grade}"
