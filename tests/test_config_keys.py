"""Keys of the configuration: an old one is an error that names the new one."""

from pathlib import Path

import msgspec
import pytest

from simrec.config import Config
from simrec.config_file import RENAMED, load
from simrec.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[rules]\nsame_category = "yes"\n',
            "line 2: rules.same_category: Invalid enum value 'yes'; "
            "the values are 'no', 'preferred', 'required'",
        ),
        (
            '[rules]\nexclude_same = ["lang", "tag"]\n',
            "line 2: rules.exclude_same[1]: Invalid enum value 'tag'; "
            "the values are 'account', 'category', 'lang', 'tags'",
        ),
        (
            '[[objectives]]\nkind = "cosines"\n',
            "line 2: objectives[0].kind: Invalid enum value 'cosines'; the values are "
            "'contrastive', 'cosine', 'manhattan', 'triplet', 'distillation'",
        ),
        (
            '[pretraining]\nteacher = [{model = "a", languages = ["en"]}, {model = "b"}]\n',
            "the first of several teachers reads all languages: leave its languages out",
        ),
        (
            '[pretraining]\ndistillation_data = "c"\nteacher = [{model = "a"}, {model = "b"}]\n',
            "pretraining.distillation_data is of one teacher; with several, give the files",
        ),
        ('[rules]\nmin_score = "hi"\n', "line 2: rules.min_score: Invalid enum value 'hi'"),
        (
            "[rules.max_per]\naccounts = 2\n",
            "line 2: unknown key 'accounts' in [rules.max_per]; did you mean 'account'?",
        ),
        (
            '[recommend.not_recommendable]\ntag = ["a"]\n',
            "line 2: unknown key 'tag' in [recommend.not_recommendable]; did you mean 'tags'?",
        ),
    ],
)
def test_an_unknown_value_or_key_names_what_may_be_said(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert says in str(refused.value)


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
