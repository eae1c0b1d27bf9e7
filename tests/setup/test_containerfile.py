"""The Containerfile is short, copies what exists, and runs nothing as root."""

from pathlib import Path

from tests.conftest import ROOT

KNOWN = ["FROM", "COPY", "RUN", "USER", "WORKDIR", "ENTRYPOINT", "CMD"]


def instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]  # type: ignore[misc]


def test_the_containerfile_is_lint_free() -> None:
    found = instructions()
    assert [name for name, _ in found] == KNOWN, "each once, in this order"
    words = dict(found)
    image, _, tag = words["FROM"].rpartition(":")
    assert image.startswith("docker.io/"), "a short name is another image on another machine"
    assert tag not in ("", "latest")
    assert words["USER"] not in ("root", "0")
    assert "--no-cache-dir" in words["RUN"]
    assert (ROOT / words["COPY"].split()[0]).is_dir()
    for path in (word for word in words["RUN"].split() if word.startswith("/src/")):
        assert (ROOT / Path(path).relative_to("/src")).exists()
    ignored = (ROOT / ".containerignore").read_text().split()
    assert {".git", ".venv", "build"} <= set(ignored)
