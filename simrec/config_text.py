"""The configuration as TOML: the defaults with their comments, and one that is in effect."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from simrec.config import Config

DEFAULTS = Path(__file__).parent / "default.toml"  # in the repository a link to configs/


def default_text() -> str:
    """Return every key with its default and what it does."""
    return DEFAULTS.read_text(encoding="utf-8")


def effective_text(config: Config) -> str:
    """Return every key with its value, and with the default where that is another.

    Sources, sinks and objectives show what is not as by default.
    """
    defaults = msgspec.to_builtins(Config())
    lines: list[str] = []
    for name, value in msgspec.to_builtins(config).items():
        if isinstance(value, Mapping):
            lines += _table(name, value, defaults[name])
        else:
            for struct in getattr(config, name):
                lines += _array_entry(name, struct)
    return "\n".join(lines[1:]) + "\n"


def toml_value(value: Any) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, str):
        return toml_string(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(map(toml_value, value))}]"
    pairs = ", ".join(f"{key} = {toml_value(inner)}" for key, inner in value.items())
    return f"{{ {pairs} }}"


def toml_string(text: str) -> str:
    """Return a basic string; JSON escapes as TOML does but for the character DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _table(name: str, values: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"[{name}]")
    tables = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            tables.append(key)
            continue
        default = defaults[key]
        remark = "" if value == default else f"  # by default {toml_value(default)}"
        yield f"{key} = {toml_value(value)}{remark}"
    for key in tables:
        yield from _table(f"{name}.{key}", values[key], defaults[key])


def _array_entry(name: str, struct: msgspec.Struct) -> Iterator[str]:
    yield from ("", f"[[{name}]]")
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if value != field.default:
            yield f"{field.name} = {toml_value(msgspec.to_builtins(value))}"
