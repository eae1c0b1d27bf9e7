"""Who may not write into a workspace reads it while a run writes."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from simrec.articles.ingest import ingest
from simrec.articles.store import Store
from simrec.config import Config, IngestConfig, SourceConfig
from tests.conftest import ROOT, environment
from tests.trust.reading import jsonl

READS = 5_000 if os.environ.get("SIMREC_LONG") else 2_000
READER = """
import os, sys
from pathlib import Path
from simrec.articles.store import Store
path, reads = Path(sys.argv[1]), int(sys.argv[2])
os.setuid(65534)
print("ready", flush=True)
seen = set()
for _ in range(reads):
    with Store.open(path) as store:
        count = store.count()
        texts = [article["text"] for article in store.lookup([], 50)]
        seen.add(count)
        assert len(set(texts)) == 1, "of one night"
assert seen <= {40, 60}, seen
print(sorted(seen))
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that others may look into, as into those of pytest they may not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_another_user_reads_what_was_committed_while_a_run_writes(
    public_folder: Path,
) -> None:
    path = public_folder / "articles.db"

    def night(number: int) -> None:
        rows = [
            {"id": f"a{n:03}", "text": f"Night {number}."} for n in range(40 + 20 * (number % 2))
        ]
        (public_folder / "a.jsonl").write_text(jsonl(*rows))
        source = SourceConfig(path=str(public_folder / "a.jsonl"))
        sync = IngestConfig(sync=True, max_delete_share=1.0)
        with Store.open(path, create=True) as store:
            ingest(store, Config(sources=(source,), ingest=sync), "2026-01-01T00:00:00Z")

    night(0)
    command = [sys.executable, "-c", READER, path, str(READS)]
    reader = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout and reader.stdout.readline() == "ready\n"
    number = 0
    while reader.poll() is None:
        number += 1
        night(number)
    _, errors = reader.communicate()
    assert (reader.returncode, number > 3) == (0, True), errors
