"""Front matter: the block of fields before the text of a Markdown file, in YAML, TOML or JSON."""

import json
import re
import tomllib
from collections.abc import Callable, Collection
from datetime import date
from typing import Any, NamedTuple

import yaml

from simrec.articles.sources.source import Record

try:
    from yaml import CBaseLoader as BaseLoader
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # a PyYAML built without libyaml
    from yaml import BaseLoader, SafeLoader  # type: ignore[assignment]

# A field begins at the left margin: `name: value`, or `name = value` in TOML.
ENTRY = re.compile(r"^(?=[\w\"'])", re.MULTILINE)
NAME = re.compile(r"[\"']?([\w. -]+?)[\"']?\s*([:=])(?:\s(.*))?$", re.DOTALL)
QUOTED = re.compile(r"^([\"'])(.*)\1$")
MOST_VALUES = 10_000
SHOWN_CHARS = 60
TIMESTAMP = "tag:yaml.org,2002:timestamp"


Load = Callable[[str, Collection[str]], Any]
Problems = tuple[str, ...]


class FrontMatter(NamedTuple):
    """The fields of a file's front matter, the text below, and what could not be read of it."""

    values: Record
    body: str
    problems: Problems = ()


def split_front_matter(text: str, text_fields: Collection[str]) -> FrontMatter:
    """Return the front matter of a file, without values where it has no such block.

    YAML takes `Yes` for true and `2024-05-31` for a date; a field of `text_fields` gets them as
    they are written. Of a block that cannot be read as a whole, every field is read alone. Raises
    ValueError for one that has no fields, or is made to fill the memory.
    """
    text = text.strip()
    for form in FORMS:
        begin = form.begin.match(text)
        if not begin:
            continue
        end = form.end.search(text, begin.end())
        if not end:
            return FrontMatter({}, text)
        block = text[begin.end() : end.start()]
        body = text[end.end() :]
        load = form.load
        problems: Problems = ()
        try:
            values = load(block, text_fields)
        except (yaml.YAMLError, ValueError) as error:
            values = {}
            if load != _load_json:
                values, problems = _load_apart(block, load, text_fields)
            if not values:
                raise ValueError(f"front matter: {' '.join(str(error).split())}") from None
        if not isinstance(values, dict):
            break  # no front matter, but a text that begins with a rule
        _check_size(values)
        return FrontMatter(values, body.strip(), problems)
    return FrontMatter({}, text)


def _load_apart(block: str, load: Load, text_fields: Collection[str]) -> tuple[Record, Problems]:
    """Return the fields of a block that can be read alone, and a problem for each other one.

    A value on its own line that is no list stays as it is written: `title: Tides: high and low`.
    """
    values: Record = {}
    problems = []
    for entry in ENTRY.split(block):
        field = NAME.match(entry)
        if not field:
            continue
        name = field[1]
        try:
            loaded = load(entry, text_fields)
            values.update(loaded if isinstance(loaded, dict) else {})
        except (yaml.YAMLError, ValueError):
            written = (field[3] or "").strip()
            if written and "\n" not in written and written[0] not in "[{|>&*!":
                values[name] = QUOTED.sub(r"\2", written)
            else:
                problems.append(f"{name}: {written[:SHOWN_CHARS]!r} cannot be read")
    return values, tuple(problems)


def _check_size(values: Record) -> None:
    """Raise ValueError where aliases of YAML make a few lines into very many values."""
    waiting: list[Any] = [values]
    count = 0
    while waiting:
        value = waiting.pop()
        count += 1
        if count > MOST_VALUES:
            raise ValueError(f"front matter: more than {MOST_VALUES:,} values")
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def load_site_config(text: str, suffix: str) -> Record:
    """Return what a configuration of a site says, {} for one that cannot be read."""
    load = {".toml": _load_toml, ".yml": _load_yaml, ".yaml": _load_yaml}.get(suffix)
    try:
        values = load(text, ()) if load else {}
    except (yaml.YAMLError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


class _Loader(SafeLoader):
    """YAML's safe loader, but a date that does not exist, such as 2023-02-29, stays text."""

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError:
            return node.value


_Loader.add_constructor(TIMESTAMP, _Loader.construct_yaml_timestamp)


def _load_yaml(block: str, text_fields: Collection[str]) -> Any:
    values = yaml.load(block, _Loader)
    if values is None:
        return {}  # an empty block
    if not isinstance(values, dict):
        return values
    typed = [
        name for name in values if name in text_fields and isinstance(values[name], bool | date)
    ]
    if typed:
        written = yaml.load(block, BaseLoader)
        values.update((name, written[name]) for name in typed)
    return values


def _load_toml(block: str, _: Collection[str]) -> Any:
    return tomllib.loads(block)


def _load_json(block: str, _: Collection[str]) -> Any:
    return json.loads(block if block.lstrip().startswith("{") else f"{{{block}}}")


class Form(NamedTuple):
    """What begins and ends a block, on lines of their own, and how it is read."""

    begin: re.Pattern[str]
    end: re.Pattern[str]
    load: Load


def _form(begin: str, end: str, load: Load) -> Form:
    pattern = r"^(?:{})\s*$"
    begins = re.compile(pattern.format(begin), re.MULTILINE)
    return Form(begins, re.compile(pattern.format(end), re.MULTILINE), load)


FORMS = (
    _form("-{3,}(?: *ya?ml)?", r"-{3,}|\.{3}", _load_yaml),
    _form("{", "}", _load_json),
    _form("-{3} *json|;{3}", "-{3}|;{3}", _load_json),  # of Eleventy, of Middleman
    _form(r"\+{3,}", r"\+{3,}", _load_toml),
    _form("-{3} *toml", "-{3}", _load_toml),
)
