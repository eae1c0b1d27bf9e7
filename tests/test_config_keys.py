"""Keys of the configuration: an old one is an error that names the new one."""

from pathlib import Path

import msgspec
import pytest

from simrec.config import Config
from simrec.config_file import RENAMED, load
from simrec.errors import ConfigError


@pytest.mark.parametrize(("old", "new"), RENAMED.items(), ids=RENAMED)
def test_an_old_key_names_the_new_one(tmp_path: Path, old: str, new: str) -> None:
    sections = msgspec.to_builtins(Config())
    (section,) = [name for name, keys in sections.items() if isinstance(keys, dict) and new in keys]
    path = tmp_path / "config.toml"
    path.write_text(f"\n[{section}]\n{old} = 1\n")
    with pytest.raises(ConfigError) as refused:
        load(path)
    expected = f"line 3: unknown key '{old}' in [{section}]; it is called '{new}' now"
    assert str(refused.value).endswith(expected)
