"""How results look on a terminal: tables that survive any text, and JSON lines."""

import codecs
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import click

from simrec import log
from simrec.files import JsonObject
from simrec.log import escape_control as escape_control

SHORTEST_COLUMN = 12
SHORTEST_NOTE = 40
WIDEST_TITLE = 80  # where there is no table
INDENT = "    "
HANGING_INDENT = "      "
UNLIMITED = 1 << 30
# What a person copies into the next command, or has to read to the end, is never cut.
WHOLE = {"id", "release", "encoder", "file", "reason", "example", "error", "fact"}


def output_width() -> int:
    """Return the columns of the terminal or of COLUMNS; a pipe has no limit."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size((120, 24)).columns
    return UNLIMITED


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[Any]], notes: Sequence[Sequence[str]]
) -> None:
    """Print aligned columns, without those that are empty, and the notes below each row.

    A terminal's width cuts what is long but for ids and the like, and wraps notes.
    """
    table = [[escape_control(value) for value in row] for row in (header, *rows)]
    table = _without_empty_columns(table)
    width = output_width()
    column_widths = _column_widths(table, width)
    for number, row in enumerate(table):
        cells = []
        for text, column_width in zip(row, column_widths, strict=True):
            fitted = fit(text, column_width)
            cells.append(fitted + " " * (column_width - text_width(fitted)))
        click.echo("  ".join(cells).rstrip())
        for note in notes[number - 1] if number else ():
            print_note(note, width)


def print_note(note: str, width: int) -> None:
    """Print a note below a row, wrapped to a width in columns."""
    indent = INDENT
    for line in wrap(escape_control(note), max(SHORTEST_NOTE, width) - len(HANGING_INDENT)):
        click.echo(f"{indent}{line}")
        indent = HANGING_INDENT


def wrap(text: str, width: int) -> list[str]:
    """Return a text as lines of a width in columns; a word that is longer is cut."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if text_width(longer) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if text_width(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines


def _without_empty_columns(table: list[list[str]]) -> list[list[str]]:
    """Drop columns without any value; the first stays, and row 0 is the header."""
    filled = [0]
    for column in range(1, len(table[0])):
        if any(row[column] for row in table[1:]):
            filled.append(column)
    return [[row[column] for column in filled] for row in table]


def _column_widths(table: list[list[str]], terminal_width: int) -> list[int]:
    """Return how wide each column is; the last takes what the others leave."""
    most = max(SHORTEST_COLUMN, terminal_width // 3)
    last = len(table[0]) - 1
    widths = []
    for column, name in enumerate(table[0]):
        widest = max(text_width(row[column]) for row in table)
        if name in WHOLE:
            widths.append(widest)
        elif column < last:
            widths.append(min(most, widest))
        else:
            left = terminal_width - sum(widths) - 2 * len(widths)
            widths.append(min(widest, max(SHORTEST_COLUMN, left)))
    return widths


def print_json(objects: Iterable[Any]) -> None:
    """Print one JSON object a line; in ASCII where the output is no UTF-8."""
    ensure_ascii = codecs.lookup(sys.stdout.encoding or "utf-8").name != "utf-8"
    for value in objects:
        click.echo(json.dumps(value, ensure_ascii=ensure_ascii))


def print_fields(fields: JsonObject, failed: Collection[str] = ()) -> None:
    """Print one thing, a field a line; empty fields are left out, failures are red."""
    width = max(map(len, fields))
    for name, value in fields.items():
        if value is not None and value != "":
            line = f"{name.replace('_', ' '):<{width}}  {escape_control(value)}"
            click.echo(failure(line) if name in failed else line)


def cell(row: JsonObject, column: str) -> Any:
    """Return what a table shows of a row.

    That is the lead where there is no title, the day of a time, three decimals of a number.
    """
    if column == "title":
        return row["title"] or row["lead"]
    if column in ("date", "first", "last"):
        return (row["published_at" if column == "date" else column] or "")[:10]
    if column == "note":
        return "few articles" if row["few_articles"] else ""
    if column == "role":
        roles = {"first": row["is_first"], "fullest": row["is_fullest"], "lead": row["is_lead"]}
        return ", ".join(role for role, has_role in roles.items() if has_role)
    value = row[column]
    return f"{value:.3f}" if isinstance(value, float) else value


def failure(text: str) -> str:
    """Return a text in red, where that is wanted."""
    return click.style(text, fg="red") if log.has_colour(sys.stdout) else text


def because(row: JsonObject) -> list[str]:
    """Return the lines below a row: a remark, and the explanation and evidence of a hit, if any."""
    lines = []
    if row.get("remark"):
        lines.append(row["remark"])
    explanation = row.get("explanation")
    if explanation:
        if explanation["words"]:
            lines.append(f"shares: {', '.join(explanation['words'])}")
        lines += [f"“{passage}”" for passage in explanation["passages"]]
        if explanation["notes"]:
            lines.append("; ".join(explanation["notes"]))
    if row.get("terms"):
        lines.append(f"writes about {', '.join(row['terms'])}")
    titles = row.get("titles", {})
    for pair in row.get("evidence", ()):
        ids = filter(None, [pair["article"], pair["similar_article"]])
        articles = [f"{titles[id_]} ({id_})" if id_ in titles else id_ for id_ in ids]
        lines.append(f"{pair['score']:.3f}  {' ~ '.join(articles)}")
    return lines


def text_width(text: str) -> int:
    """Return how many columns a terminal takes for a text: two for wide East Asian characters."""
    return len(text) + _extra(text)


def fit(text: str, width: int) -> str:
    """Cut a text to a width in columns, with an ellipsis where something is left out."""
    if text_width(text) <= width:
        return text
    shortened = ""
    room = width - 1
    for character in text:
        room -= 1 + _extra(character)
        if room < 0:
            break
        shortened += character
    return shortened + "…"


def _extra(text: str) -> int:
    if text.isascii():
        return 0
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return wide - sum(unicodedata.combining(character) > 0 for character in text)
