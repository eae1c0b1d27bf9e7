"""Reads the configuration from a TOML file, and says where in it a mistake is."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct

from simrec.bucket_url import is_bucket
from simrec.config import (
    SQLITE,
    STARTS,
    TEACHERS,
    Config,
    Objective,
    PretrainingConfig,
    Section,
    SinkConfig,
    SourceConfig,
    TeacherConfig,
    override,
)
from simrec.errors import ConfigError

Place = TypeVar("Place", SourceConfig, SinkConfig)

ARTICLES = "articles"  # pairs that are made of the articles, and not read from a file
RENAMED = {
    "exact_up_to": "exact_max_rows",
    "fair_share": "max_exposure",
    "few_articles": "min_articles",
    "lesson_tokens": "distillation_tokens",
    "lessons": "distillation_data",
    "max_lessons": "max_distillation_texts",
    "rescored_beyond": "min_score_change",
}


def load(path: Path) -> Config:
    """Read a TOML file; paths in it are taken from the file's folder.

    Raises ConfigError that names the file, the line and, for an unknown key, the nearest known one.
    """
    try:
        text = path.read_text(encoding="utf-8")
        config = msgspec.convert(tomllib.loads(text), Config)
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deep") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(path, text, str(error))) from error
    return _resolve(config, path.resolve().parent)


def _resolve(config: Config, folder: Path) -> Config:
    """Take relative paths from the folder of the file."""

    def resolved(path: str) -> str:
        return str(folder / path) if path else ""

    start = config.training.start
    pretraining = config.pretraining
    config = msgspec.structs.replace(
        config,
        sources=tuple(_resolve_place(source, folder) for source in config.sources),
        sinks=tuple(_resolve_place(sink, folder) for sink in config.sinks),
        objectives=tuple(_resolve_pairs(objective, folder) for objective in config.objectives),
    )
    return override(
        config,
        ingest={"deletions": resolved(config.ingest.deletions)},
        monitor={"prometheus": resolved(config.monitor.prometheus)},
        evaluate={"judgements": tuple(map(resolved, config.evaluate.judgements))},
        recommend={
            "editors": resolved(config.recommend.editors),
            "clicks": resolved(config.recommend.clicks),
        },
        training={"start": start if start in STARTS else resolved(start)},
        pretraining={
            "teacher": _resolve_teachers(pretraining, folder),
            "vocabulary": resolved(pretraining.vocabulary),
            "distillation_data": resolved(pretraining.distillation_data),
        },
    )


def _resolve_teachers(pretraining: PretrainingConfig, folder: Path) -> tuple[TeacherConfig, ...]:
    """Return the teachers, those that are files or folders with their full path."""
    teachers = []
    for teacher in pretraining.teachers:
        model = teacher.model if teacher.model in TEACHERS else str(folder / teacher.model)
        teachers.append(msgspec.structs.replace(teacher, model=model))
    return tuple(teachers)


def _resolve_place(place: Place, folder: Path) -> Place:
    path = place.path
    if path and not is_bucket(path):
        path = str(folder / path)
    url = place.url
    database = url.removeprefix(SQLITE)
    if url.startswith(SQLITE) and database:
        url = f"{SQLITE}{folder / database}"
    if place.password_file:
        url += f"#password_file={_password_file(place.password_file, folder)}"
    return msgspec.structs.replace(place, path=path, url=url)


def _password_file(name: str, folder: Path) -> Path:
    """Return where a password stands: among the credentials of a unit of systemd, or a file."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (Path(credentials) / name).is_file():
        return Path(credentials) / name
    return folder / name


def _resolve_pairs(objective: Objective, folder: Path) -> Objective:
    pairs = objective.pairs
    if pairs and pairs != ARTICLES:
        pairs = str(folder / pairs)
    return msgspec.structs.replace(objective, pairs=pairs)


def _explain(path: Path, text: str, message: str) -> str:
    what, _, where = message.partition(" - at ")
    section = where.strip("`").removeprefix("$").strip(".")
    unknown = re.search(r"unknown field `(.+)`", what)
    if unknown:
        key = unknown.group(1)
        place = f" in [{section}]" if section else ""
        what = f"unknown key '{key}'{place}; {_suggestion(key)}"
    else:
        key = re.sub(r"\[.*\]$", "", section).rpartition(".")[2]
        if what.startswith("Invalid enum value"):
            what = f"{what}; the values are {', '.join(_allowed_values(section))}"
        what = f"{section}: {what}" if section else what
    line = _line_of(text, key)
    return f"{path}{f', line {line}' if line else ''}: {what}"


def _allowed_values(place: str) -> list[str]:
    """Return the values that a key may have, from its place such as rules.exclude_same[0]."""
    kind: Any = Config
    for name in re.sub(r"\[[^]]*\]", "", place).split("."):
        while get_args(kind) and not _is_section(kind):
            kind = get_args(kind)[0]
        kind = {field.name: field.type for field in msgspec.structs.fields(kind)}[name]
    values = [repr(value) for value in _literals(kind) if isinstance(value, str)]
    takes_number = any(float in (part, *get_args(part)) for part in get_args(kind))
    return [*values, "any number in its range"] if takes_number else values


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _literals(kind: Any) -> Iterator[Any]:
    """Yield the values of all Literals in a type."""
    for argument in get_args(kind):
        if get_origin(kind) is Literal:
            yield argument
        else:
            yield from _literals(argument)


def _suggestion(key: str) -> str:
    """Say which key was meant by one that does not exist."""
    if key in RENAMED:
        return f"it is called '{RENAMED[key]}' now"
    near = difflib.get_close_matches(key, set(_keys(Config)), n=1)
    return f"did you mean '{near[0]}'?" if near else "simrec config prints all keys"


def _keys(section: type[Struct]) -> Iterator[str]:
    for field in msgspec.structs.fields(section):
        yield field.name
        if isinstance(field.type, type) and issubclass(field.type, Section):
            yield from _keys(field.type)
    if section is Config:
        yield from (*_keys(SourceConfig), *_keys(SinkConfig))


def _line_of(text: str, key: str) -> int | None:
    pattern = re.compile(rf"^\s*(\[+\s*)?([\w.]+\.)?{re.escape(key)}\s*[\]=]")
    numbers = (n for n, line in enumerate(text.splitlines(), start=1) if pattern.match(line))
    return next(numbers, None) if key else None
