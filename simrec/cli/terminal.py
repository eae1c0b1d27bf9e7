"""How results look on a terminal: tables that survive any text, and JSON lines."""

import json
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import click

INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
SHORTEST_COLUMN = 12


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[Any]], notes: Sequence[Sequence[str]] = ()
) -> None:
    """Print aligned columns, but for empty ones; the last, and long others, are cut to the terminal's width.

    notes are lines to print below each row.
    """
    cells = [[escape_control(cell) for cell in row] for row in (header, *rows)]
    used = [n for n in range(len(header)) if n == 0 or any(row[n] for row in cells[1:])]
    cells = [[row[n] for n in used] for row in cells]
    width = shutil.get_terminal_size((120, 24)).columns
    longest = max(SHORTEST_COLUMN, width // 3)
    columns = [min(longest, max(map(text_width, column))) for column in zip(*cells, strict=True)][
        :-1
    ]
    last = max(SHORTEST_COLUMN, width - sum(columns) - 2 * len(columns))
    for row, below in zip(cells, [[], *(notes or [[]] * len(rows))], strict=True):
        fixed = [
            fit(cell, size).ljust(size - _extra(fit(cell, size)))
            for cell, size in zip(row, columns, strict=False)
        ]
        click.echo("  ".join([*fixed, fit(row[-1], last)]).rstrip())
        for line in below:
            click.echo(f"    {fit(escape_control(line), width - 4)}")


def print_json(objects: Iterable[Any]) -> None:
    """Print one JSON object a line."""
    for value in objects:
        click.echo(json.dumps(value, ensure_ascii=False))


def print_fields(fields: dict[str, Any]) -> None:
    """Print one thing, a field a line; empty fields are left out."""
    width = max(map(len, fields))
    for name, value in fields.items():
        if value is not None and value != "":
            click.echo(f"{name.replace('_', ' '):<{width}}  {escape_control(value)}")


def cell(row: dict[str, Any], column: str) -> Any:
    """Return what a table shows of a row: the lead where there is no title, days, three decimals."""
    if column == "title":
        return row["title"] or row["lead"]
    if column in ("date", "first", "last"):
        return (row["published_at" if column == "date" else column] or "")[:10]
    if column == "note":
        return "few articles" if row["few_articles"] else ""
    value = row[column]
    return f"{value:.3f}" if isinstance(value, float) else value


def because(row: dict[str, Any]) -> list[str]:
    """Return the lines below a row: a remark, and why a hit is one, where somebody asked."""
    why, lines = row.get("explanation"), [row["remark"]] if row.get("remark") else []
    if why:
        lines += [f"shares: {', '.join(why['words'])}"] if why["words"] else []
        lines += [f"“{passage}”" for passage in why["passages"]]
        lines += ["; ".join(why["notes"])] if why["notes"] else []
    for pair in row.get("evidence", ()):
        lines.append(
            f"{pair['score']:.3f}  {' ~ '.join(filter(None, [pair['article'], pair['similar_article']]))}"
        )
    return lines


def escape_control(value: Any) -> str:
    """Return text that cannot move the cursor: control and direction characters are escaped."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    shown = text.translate(INVISIBLE)
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown
    )


def text_width(text: str) -> int:
    """Return how many columns a terminal takes for a text: two for wide East Asian characters."""
    return len(text) + _extra(text)


def fit(text: str, width: int) -> str:
    """Cut a text to a width in columns, with an ellipsis where something is left out."""
    if text_width(text) <= width:
        return text
    kept = ""
    room = width - 1
    for character in text:
        room -= 1 + _extra(character)
        if room < 0:
            break
        kept += character
    return kept + "…"


def _extra(text: str) -> int:
    if text.isascii():
        return 0
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return wide - sum(unicodedata.combining(character) > 0 for character in text)
