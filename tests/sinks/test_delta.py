"""Delta Lake tables hold the release by one commit, as Delta's own reader sees them."""

import signal
from pathlib import Path

import pytest

from tests.sinks.in_process import in_process
from tests.sinks.site import Site

deltalake = pytest.importorskip("deltalake")


def rows(folder: Path, version: int | None = None) -> list[tuple[str, int, str, str | None]]:
    table = deltalake.DeltaTable(folder / "similar_articles", version=version)
    found = []
    for batch in table.to_pyarrow_dataset().to_batches():
        found += [
            (row["article"], row["rank"], row["similar"], row["title"]) for row in batch.to_pylist()
        ]
    return sorted(found)


def expected(site: Site) -> list[tuple[str, int, str, str | None]]:
    found = []
    for name, hits in site.lists(3).items():
        found += [(name, rank, hit.id, hit.title) for rank, hit in enumerate(hits, 1)]
    return sorted(found)


def test_a_release_is_one_commit(site: Site) -> None:
    lake = site.folder / "lake"
    sink = "path = 'lake'\nformat = 'delta'\nplaces = 3\ncolumns = ['title', 'lang']\n"
    site.sinks(sink + "partition_by = 'lang'")
    site.export()
    first = expected(site)
    assert rows(lake) == first and len(first) == 48 * 3
    assert list((lake / "similar_articles").glob("lang=en/*.parquet"))
    table = deltalake.DeltaTable(lake / "similar_articles")
    assert table.history(1)[0]["simrec.release_id"] == site.current
    table.optimize.compact()
    assert "1 sinks hold" in site.export().err
    assert site.last_steps()["export"]["state"] == "skipped", "tidying changes no row"

    releases = {
        row["release"] for row in in_process("releases", "--json", "-w", site.workspace).rows
    }
    (other,) = releases - {site.current}
    assert in_process("rollback", other, "-w", site.workspace).code == 0
    kill = (
        "import simrec.sinks.delta_sink as sink\n"
        "sink.CommitProperties = lambda **_: os.kill(os.getpid(), 9)"
    )
    site.export(-signal.SIGKILL, kill)
    assert rows(lake) == first, "killed before its commit, the release before is there"
    site.export()
    version = deltalake.DeltaTable(lake / "similar_articles").version()
    second = rows(lake)
    assert second != first and len(second) == 47 * 3
    (site.content / sorted(site.ids())[0]).unlink()  # as before the newer release
    assert second == expected(site)
    assert rows(lake, version - 1) == first, "the release before is a version"
    deltalake.DeltaTable(lake / "similar_articles").delete("rank > 1")
    site.export()
    assert rows(lake) == second, "what others changed is written anew"


def test_a_table_of_others_is_left_alone(site: Site) -> None:
    import pyarrow

    table = site.folder / "lake" / "similar_articles"
    deltalake.write_deltalake(table, pyarrow.table({"article": ["theirs"]}))
    site.sinks("path = 'lake'\nformat = 'delta'")
    assert "similar_articles: a table that simrec did not write" in site.export(3).err
    assert deltalake.DeltaTable(table).version() == 0
    site.sinks("path = 'lake'\npartition_by = 'lang'")
    assert "partition_by is of the formats parquet and delta" in site.export(3).err
