"""Front matter: the block of fields before the text of a Markdown file, in YAML, TOML or JSON."""

import json
import re
import tomllib
from collections.abc import Callable, Collection
from datetime import date
from typing import Any

import yaml

from simrec.articles.sources.source import Record

try:
    from yaml import CBaseLoader as BaseLoader
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # a PyYAML built without libyaml
    from yaml import BaseLoader, SafeLoader  # type: ignore[assignment]

# Where a block begins and ends: three or more signs on a line of their own, or the braces of JSON.
YAML_BOUNDARY = re.compile(r"^-{3,}\s*$", re.MULTILINE)
TOML_BOUNDARY = re.compile(r"^\+{3,}\s*$", re.MULTILINE)
JSON_BOUNDARY = re.compile(r"^(?:{|})$", re.MULTILINE)
TIMESTAMP = "tag:yaml.org,2002:timestamp"


def split_front_matter(text: str, text_fields: Collection[str]) -> tuple[Record, str]:
    """Return the fields of a file's front matter, {} without such a block, and the text below.

    YAML takes `Yes` for true and `2024-05-31` for a date; a field of `text_fields` gets them as
    they are written. Raises ValueError for a block that cannot be read.
    """
    text = text.strip()
    for boundary, load in LOADERS.items():
        if not boundary.match(text):
            continue
        before_and_after = boundary.split(text, 2)
        if len(before_and_after) < 3:
            return {}, text  # a block without an end
        _, block, body = before_and_after
        try:
            values = load(block, text_fields)
        except (yaml.YAMLError, ValueError) as error:
            raise ValueError(f"front matter: {' '.join(str(error).split())}") from None
        # What is no mapping is no front matter, but a text that begins with a rule.
        return (values, body.strip()) if isinstance(values, dict) else ({}, text)
    return {}, text


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
    return json.loads(f"{{{block}}}")


LOADERS: dict[re.Pattern[str], Callable[[str, Collection[str]], Any]] = {
    YAML_BOUNDARY: _load_yaml,
    JSON_BOUNDARY: _load_json,
    TOML_BOUNDARY: _load_toml,
}
