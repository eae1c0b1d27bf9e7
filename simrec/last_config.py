"""The configuration of the last run, which a step uses if it is given none."""

import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from simrec import config_file, files
from simrec.config import Config
from simrec.errors import ConfigError, ReleaseError
from simrec.files import JsonObject
from simrec.workspace import Workspace

logger = logging.getLogger(__name__)

# In the URL of a database: up to the last @, since one of the password may not be written as %40.
PASSWORD = re.compile(r"(://[^:/@\"]*:)[^\"\n]*@")
SECRET = re.compile(r"([?&](?:password|passwd|pwd|token|secret)=)[^&\"]*", re.IGNORECASE)


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration as its file has it; path is None where there is no file."""

    config: Config
    path: Path | None = None


class RememberedConfig(Struct, frozen=True):
    """The file of the last run's configuration, and the values that it had, by "section.key"."""

    path: str
    values: JsonObject


def load(workspace: Workspace, path: Path | None) -> LoadedConfig:
    """Load the given configuration, or else that of the last run, or else the defaults.

    One line on stderr says that it is that of the last run, and which keys have changed since.
    ConfigError if its file is gone.
    """
    if path is not None:
        return LoadedConfig(config_file.load(path), path)
    remembered = read(workspace)
    if remembered is None:
        return LoadedConfig(Config())
    path = Path(remembered.path)
    if not path.exists():
        raise ConfigError(
            f"{path}: the configuration of the last run is gone; name one with -c, "
            "or -c /dev/null for the defaults"
        )
    loaded = LoadedConfig(config_file.load(path), path)
    keys = changed_keys(workspace, loaded)
    since = f", which has changed since: {keys}" if keys else ""
    logger.warning("simrec: with the configuration of the last run, %s%s", path, since)
    return loaded


def load_for_step(workspace: Workspace, path: Path | None) -> LoadedConfig:
    """Load a configuration; one line on stderr says how a given one differs from the last run's."""
    loaded = load(workspace, path)
    if path is not None:
        keys = changed_keys(workspace, loaded)
        if keys:
            logger.warning(
                "simrec: %s differs from the configuration of the last run: %s", path, keys
            )
    return loaded


def changed_keys(workspace: Workspace, loaded: LoadedConfig) -> str:
    """Name the keys that have other values than in the last run, with commas between them."""
    try:
        remembered = read(workspace)
    except ReleaseError:
        return ""  # simrec verify says so, and the next run writes it anew
    if remembered is None:
        return ""
    values = _values(loaded.config)
    keys = {*values, *remembered.values}
    changed = [key for key in keys if values.get(key) != remembered.values.get(key)]
    return ", ".join(sorted(changed))


def remember(workspace: Workspace, loaded: LoadedConfig) -> None:
    """Note the configuration of a run. Only the holder of the lock may."""
    if loaded.path is None:
        return
    remembered = RememberedConfig(str(loaded.path.absolute()), _values(loaded.config))
    content = files.seal(msgspec.to_builtins(remembered))
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    path = workspace.last_config
    if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != text:
        files.write(path, text.encode())


def read(workspace: Workspace) -> RememberedConfig | None:
    """Return what is known of the last run's configuration; ReleaseError if that is damaged."""
    path = workspace.last_config
    if not path.exists():
        return None
    try:
        return msgspec.convert(files.unseal(path.read_bytes()), RememberedConfig)
    except ValueError as error:  # msgspec's own errors are ValueErrors, too
        raise ReleaseError(
            f"{path}: {error}; remove it, and name the configuration with -c"
        ) from error


def without_passwords(text: str) -> str:
    """Return a text without the passwords of the databases that it names."""
    return PASSWORD.sub(r"\1@", SECRET.sub(r"\1", text))


def _values(config: Config) -> JsonObject:
    """Return the values as JSON has them, by "section.key", without passwords of databases."""
    text = without_passwords(msgspec.json.encode(config).decode())
    values = {}
    for name, section in json.loads(text).items():
        if isinstance(section, dict):
            for key, value in section.items():
                values[f"{name}.{key}"] = value
        else:
            values[name] = section
    return values
