"""Templates of the pages, and how they write numbers, dates and addresses."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment

from simrec import __version__
from simrec.files import JsonObject
from simrec.page_templates import number, page_environment, web_address

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
STATIC = {
    "/static/browse.css": "text/css; charset=utf-8",
    "/static/browse.js": "text/javascript; charset=utf-8",
    "/static/icon.svg": "image/svg+xml",
}


@dataclass(frozen=True)
class DescribedField:
    """A parameter, or a key of a body, as the page of the API shows it."""

    name: str
    kind: str
    default: str
    description: str


class Templates:
    """Renders the pages of a server at a prefix; every value is escaped."""

    def __init__(self, prefix: str) -> None:
        self._base = prefix

    def render(self, template: str, here: str, values: Mapping[str, Any]) -> str:
        """Return a page; here is its path, without the prefix."""
        page = _environment().get_template(f"{template}.html.jinja")
        known = {"manifest": None, **values}
        return page.render(base=self._base, here=here, version=__version__, **known)


def static_files() -> dict[str, bytes]:
    """Return the style sheet, the script and the icon, by path."""
    folder = Path(__file__).parent
    return {path: (folder / path.lstrip("/")).read_bytes() for path in STATIC}


def quoted(value: str) -> str:
    """Return a value as it stands in a query string."""
    return quote(value, safe="")


def host(url: str) -> str:
    """Return the name of the site of an address, or the address where it has none."""
    try:
        return (urlsplit(url).hostname or url).removeprefix("www.")
    except ValueError:
        return url


def day(timestamp: str) -> str:
    """Return the day of a timestamp, which is a day already, or is no date at all."""
    return timestamp[:10] if DATE.match(timestamp) else timestamp


def minute(timestamp: str) -> str:
    """Return a timestamp up to its minute."""
    return timestamp[:16].replace("T", " ")


def fields_of(operation: JsonObject, document: JsonObject) -> list[DescribedField]:
    """Return the parameters of an operation, or the keys of its body."""
    if "requestBody" not in operation:
        parameters = operation.get("parameters", [])
        return [_field(each["name"], each["schema"], each) for each in parameters]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    body = document["components"]["schemas"][reference.rpartition("/")[2]]
    return [_field(name, schema, {}) for name, schema in body["properties"].items()]


def _field(name: str, schema: JsonObject, parameter: JsonObject) -> DescribedField:
    choices = [choice for choice in schema.get("anyOf", [schema]) if choice.get("type") != "null"]
    kind = choices[0]
    shown = kind.get("type", "object")
    if "$ref" in kind:
        shown = "object"
    if shown == "array":
        shown = "repeated" if parameter else "list"
    default = schema.get("default")
    is_set = default not in (None, [], "")
    description = parameter.get("description") or kind.get("description", "")
    return DescribedField(name, shown, str(default).lower() if is_set else "", description)


@functools.lru_cache(maxsize=1)
def _environment() -> Environment:
    filters = (quoted, web_address, host, number, day, minute, fields_of)
    return page_environment("simrec.serve", filters)
