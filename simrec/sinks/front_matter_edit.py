"""Sets one field in the front matter of a Markdown file, and changes no byte of the rest."""

import json
import re
import tomllib
from typing import Any

import yaml

from simrec.articles.sources.front_matter import FORMS, Form

try:
    from yaml import CBaseLoader as BaseLoader
except ImportError:  # a PyYAML built without libyaml
    from yaml import BaseLoader  # type: ignore[assignment]

# An id, or an article with its columns: what a template needs of one place of a list.
Entry = str | dict[str, str]

TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)  # of TOML: what follows belongs to it
TOML_FENCES = ("+", "toml")
JSON_FENCES = ("{", ";", "json")
# Inside a line of YAML or TOML these would end it, or are forbidden.
FORBIDDEN = [*range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF]
ESCAPES = {character: f"\\u{character:04x}" for character in FORBIDDEN}


class NotEditableError(ValueError):
    """A file that is left as it is, and why."""


def set_field(text: str, key: str, entries: list[Entry]) -> str:
    """Return the text of a file with a field of its front matter set.

    A field that is missing is added as the last, or in TOML before the first table; an empty list
    is not added. Raises NotEditableError for a file that has no front matter, or one that cannot be
    edited so that only this field changes.
    """
    start, end, fence = _find_block(text)
    block = text[start:end]
    newline = "\r\n" if "\r\n" in text[: end + 5] else "\n"
    if any(mark in fence for mark in JSON_FENCES):
        raise NotEditableError("front matter in JSON; write it as YAML or TOML")
    is_toml = any(mark in fence for mark in TOML_FENCES)
    edit = _edit_toml if is_toml else _edit_yaml
    load = tomllib.loads if is_toml else _load_yaml
    try:
        before = load(_unix(block))
        if not isinstance(before, dict):
            raise NotEditableError("no front matter")
        if before.get(key, []) == entries:
            return text
        edited = edit(block, key, entries, newline)
        after = load(_unix(edited))
    except (yaml.YAMLError, tomllib.TOMLDecodeError) as error:
        reason = " ".join(str(error).split())
        raise NotEditableError(f"front matter that cannot be read ({reason})") from None
    if after != {**before, key: entries}:
        raise NotEditableError(f"its field '{key}' cannot be replaced alone; remove it by hand")
    return text[:start] + edited + text[end:]


def _find_block(text: str) -> tuple[int, int, str]:
    """Return where the block of front matter begins and ends, and the line before it."""
    lead = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    for form in FORMS:
        begin = form.begin.match(text[lead:])
        if begin:
            return _block_of(text, lead, form)
    raise NotEditableError("no front matter")


def _block_of(text: str, lead: int, form: Form) -> tuple[int, int, str]:
    fence, _, _ = text[lead:].partition("\n")
    start = lead + len(fence) + 1
    end = form.end.search(text, start)
    if not end:
        raise NotEditableError("no front matter")
    return start, end.start(), fence


def _unix(block: str) -> str:
    return block.replace("\r\n", "\n")


def _load_yaml(block: str) -> Any:
    """Return the values as they are written: all of them are text."""
    values = yaml.load(block, BaseLoader)
    return {} if values is None else values


def _edit_yaml(block: str, key: str, entries: list[Entry], newline: str) -> str:
    lines = [f"{key}:" if entries else f"{key}: []"]
    lines += [f"  - {_quoted(entry)}" for entry in entries]
    written = newline.join(lines) + newline
    node = yaml.compose(block, BaseLoader)
    for name, value in node.value if node else ():
        if name.value == key and name.start_mark.column == 0:
            start = name.start_mark.index
            end = _end_of_lines(block, start, value.end_mark.index)
            return block[:start] + written + block[end:]
    return _with_last_newline(block, newline) + written


def _edit_toml(block: str, key: str, entries: list[Entry], newline: str) -> str:
    values = [f"  {_inline_table(entry)}," for entry in entries]
    written = newline.join([f"{key} = [", *values, "]"]) + newline
    if not entries:
        written = f"{key} = []{newline}"
    table = TABLE.search(block)
    top = block[: table.start()] if table else block
    begin = re.search(rf"^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*=", top, re.MULTILINE)
    if not begin:
        return _with_last_newline(top, newline) + written + block[len(top) :]
    start = begin.start()
    end = start
    for line in block[start:].splitlines(keepends=True):
        end += len(line)
        if _is_toml(block[start:end]):
            return block[:start] + written + block[end:]
    raise NotEditableError(f"its field '{key}' cannot be found; remove it by hand")


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(_unix(text))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _end_of_lines(block: str, start: int, end: int) -> int:
    """Return where the lines of a value end: without blank lines and comments that follow it."""
    lines = block[start:end].splitlines(keepends=True)
    if not block[start:end].endswith("\n"):
        rest = block[end:].splitlines(keepends=True)
        lines[-1:] = [lines[-1] + (rest[0] if rest else "")]
    while len(lines) > 1 and (_is_blank_or_comment(lines[-1])):
        lines.pop()
    return start + sum(map(len, lines))


def _is_blank_or_comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _with_last_newline(block: str, newline: str) -> str:
    return block if not block or block.endswith("\n") else block + newline


def _quoted(entry: Entry) -> str:
    """Return an entry as JSON, which YAML reads as well."""
    return json.dumps(entry, ensure_ascii=False).translate(ESCAPES)


def _inline_table(entry: Entry) -> str:
    if isinstance(entry, str):
        return _quoted(entry)
    fields = ", ".join(f"{name} = {_quoted(value)}" for name, value in entry.items())
    return f"{{{fields}}}" if fields else "{}"
