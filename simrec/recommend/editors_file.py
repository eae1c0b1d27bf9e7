"""The editors' file: what is pinned under what, what is never listed, and what is preferred."""

import csv
import json
import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from simrec import files
from simrec.errors import ConfigError
from simrec.release_folder import ReleaseFolder

Kind = Literal["article", "account"]
KINDS: tuple[Kind, ...] = ("article", "account")
DEFAULT_WEIGHT = 1.5  # of what is preferred
# What an entry of each rule may say, beside the article or account.
KEYS = {"pin": ("under", "place"), "never": ("under",), "prefer": ("weight",)}
COLUMNS = ("rule", *KINDS, "under", "place", "weight")


@dataclass(frozen=True)
class EditorsEntry:
    """One line of the file; `where` names the file and the line.

    A pin has `under` and `place` from 1; `never` without `under` is nowhere; `prefer` multiplies
    scores by `weight`.
    """

    rule: str
    kind: Kind
    id: str
    under: str | None
    place: int
    weight: float
    where: str

    @property
    def is_nowhere(self) -> bool:
        """Tell whether it is not to be recommended at all."""
        return self.rule == "never" and self.under is None


@dataclass(frozen=True)
class EditorsFile:
    """What the editors want, in the order of the file, and the checksum of the file."""

    entries: tuple[EditorsEntry, ...] = ()
    sha256: str = ""

    @classmethod
    def read(cls, path: Path) -> "EditorsFile":
        """Read a TOML or CSV file; ConfigError names the line of what cannot be meant."""
        try:
            content = path.read_bytes()
            text = content.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"recommend.editors: {path}: {error}") from error
        parse = _toml_rows if path.suffix.lower() == ".toml" else _csv_rows
        entries = tuple(_entry(row, where) for row, where in parse(path, text))
        _check_contradictions(entries)
        return cls(entries, sha256(content).hexdigest())

    @classmethod
    def of_release(cls, folder: ReleaseFolder) -> "EditorsFile":
        """Read what the editors wanted of a release."""
        if not folder.editors.exists():
            return cls()
        content = json.loads(folder.editors.read_bytes())
        entries = tuple(EditorsEntry(**entry) for entry in content["entries"])
        return cls(entries, content["sha256"])

    def write(self, folder: ReleaseFolder) -> None:
        """Write what `of_release` reads, if there is anything; where the file lies is left out."""
        if not self.sha256:
            return
        entries = []
        for entry in self.entries:
            entries.append({**asdict(entry), "where": Path(entry.where).name})
        files.write_json(folder.editors, {"entries": entries, "sha256": self.sha256})

    def check_places(self, kind: Kind, places: int) -> None:
        """Raise ConfigError for a pin at a place that lists do not have."""
        for entry in self.entries:
            if entry.kind == kind and entry.place > places:
                raise ConfigError(
                    f"{entry.where}: {_sentence(entry)}, but lists of {kind}s have {places} places "
                    f"(recommend.similar_{kind}s)"
                )


Row = Mapping[str, Any]


def _toml_rows(path: Path, text: str) -> Iterator[tuple[Row, str]]:
    """Yield the entries of [[pin]], [[never]] and [[prefer]], each with where it stands."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    for rule, rows in content.items():
        lines = _lines_of(text, rule)
        if rule not in KEYS or not isinstance(rows, list):
            line = re.search(rf"(?m)^.*\b{re.escape(rule)}\b", text)
            number = text[: line.start()].count("\n") + 1 if line else 1
            raise ConfigError(
                f"{path}, line {number}: '{rule}' is no rule; the rules are [[pin]], [[never]] and "
                "[[prefer]]"
            )
        for number, row in enumerate(rows):
            line_number = f"line {lines[number]}" if number < len(lines) else f"{rule} {number + 1}"
            if not isinstance(row, dict):
                raise ConfigError(f"{path}, {line_number}: {row!r} is no entry of [[{rule}]]")
            yield {"rule": rule, **row}, f"{path}, {line_number}"


def _lines_of(text: str, rule: str) -> list[int]:
    """Return the numbers of the lines that begin an entry of a rule."""
    pattern = re.compile(rf"^\s*\[\[\s*{re.escape(rule)}\s*\]\]")
    lines = enumerate(text.splitlines(), start=1)
    return [number for number, line in lines if pattern.match(line)]


def _csv_rows(path: Path, text: str) -> Iterator[tuple[Row, str]]:
    """Yield the rows of a CSV file with a header; empty fields say nothing."""
    reader = csv.DictReader(text.splitlines())
    unknown = [name for name in reader.fieldnames or () if name not in COLUMNS]
    if unknown or "rule" not in (reader.fieldnames or ()):
        raise ConfigError(
            f"{path}, line 1: the columns are {', '.join(COLUMNS)}; "
            f"found {', '.join(reader.fieldnames or ())}"
        )
    try:
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row:
                raise ConfigError(f"{where}: more fields than the header has")
            said = {name: value.strip() for name, value in row.items() if value and value.strip()}
            if said:
                yield said, where
    except csv.Error as error:
        raise ConfigError(f"{path}, line {reader.line_num}: {error}") from error


def _entry(row: Row, where: str) -> EditorsEntry:
    """Return an entry; ConfigError for what it lacks and for what it may not say."""
    rule = row.get("rule", "")
    if rule not in KEYS:
        raise ConfigError(f"{where}: rule is '{rule}'; the rules are {', '.join(KEYS)}")
    kinds = [kind for kind in KINDS if row.get(kind)]
    if len(kinds) != 1:
        raise ConfigError(f"{where}: {rule} names either an article or an account")
    for key in row:
        if key not in ("rule", *KINDS, *KEYS[rule]):
            may_say = ", ".join((*KINDS, *KEYS[rule]))
            raise ConfigError(f"{where}: {rule} does not know '{key}'; it knows {may_say}")
    kind = kinds[0]
    entry = EditorsEntry(
        rule=rule,
        kind=kind,
        id=_text(row[kind], kind, where),
        under=_text(row["under"], "under", where) if row.get("under") else None,
        place=int(_number(row.get("place", 1), "place", where)),
        weight=_number(row.get("weight", DEFAULT_WEIGHT), "weight", where),
        where=where,
    )
    _check_entry(entry, row)
    return entry


def _check_entry(entry: EditorsEntry, row: Row) -> None:
    if entry.rule == "pin" and entry.under is None:
        raise ConfigError(f"{entry.where}: a pin needs 'under', the {entry.kind} whose list it is")
    if entry.under == entry.id:
        raise ConfigError(f"{entry.where}: {entry.kind} '{entry.id}' is put under itself")
    if entry.place < 1 or _number(row.get("place", 1), "place", entry.where) != entry.place:
        raise ConfigError(f"{entry.where}: place is {row['place']}; places count from 1")
    if entry.weight <= 0:
        raise ConfigError(
            f"{entry.where}: weight is {entry.weight:g}; it multiplies scores and is more than 0, "
            "and what is never to be recommended has the rule never"
        )


def _text(value: Any, key: str, where: str) -> str:
    """Return an id; numbers are ids, too."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise ConfigError(f"{where}: {key} is {value!r}, which is no id")


def _number(value: Any, key: str, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{where}: {key} is {value!r}, which is no number")
    return number


def _check_contradictions(entries: Iterable[EditorsEntry]) -> None:
    """Raise ConfigError that names two lines which cannot both be followed."""
    said: dict[tuple[Any, ...], EditorsEntry] = {}
    entries = list(entries)
    for entry in entries:
        for key in _claims(entry):
            other = said.setdefault(key, entry)
            if other.rule == entry.rule == "never" or _as_said(other) == _as_said(entry):
                continue
            if other is not entry:
                raise ConfigError(
                    f"{entry.where}: {_sentence(entry)} contradicts {other.where}: "
                    f"{_sentence(other)}"
                )
    nowhere = {(entry.kind, entry.id): entry for entry in entries if entry.is_nowhere}
    for entry in entries:
        other_entry = nowhere.get((entry.kind, entry.id))
        if other_entry and entry.rule != "never":
            raise ConfigError(
                f"{entry.where}: {_sentence(entry)} contradicts {other_entry.where}: "
                f"{_sentence(other_entry)}"
            )


def _claims(entry: EditorsEntry) -> list[tuple[Any, ...]]:
    """Return what no other entry may say otherwise: a pair, a place of a list, a weight."""
    if entry.rule == "pin":
        pair = (entry.kind, "pair", entry.under, entry.id)
        return [pair, (entry.kind, "place", entry.under, entry.place)]
    if entry.rule == "never":
        return [(entry.kind, "pair", entry.under, entry.id)]
    return [(entry.kind, "weight", entry.id)]


def _as_said(entry: EditorsEntry) -> tuple[Any, ...]:
    return entry.rule, entry.kind, entry.id, entry.under, entry.place, entry.weight


def _sentence(entry: EditorsEntry) -> str:
    if entry.rule == "pin":
        return f"'{entry.id}' pinned under '{entry.under}' at place {entry.place}"
    if entry.rule == "never":
        return f"'{entry.id}' never " + (f"under '{entry.under}'" if entry.under else "anywhere")
    return f"'{entry.id}' preferred with weight {entry.weight:g}"
