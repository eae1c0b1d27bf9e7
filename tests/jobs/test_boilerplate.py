"""What an account repeats does not count, is shown, and is the same from scratch and night by night."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from simrec.release_folder import ReleaseFolder
from tests.conftest import CONFIG, House, new_house, speeches

BOX = "Subscribe to our letter and never miss what the harbour brings to your table"
Rows = list[dict[str, Any]]


def framed(n_framed: int, n_rows: int = 30) -> Rows:
    """Return speeches of one account, of which the first have a box in the middle of a sentence."""
    rows = []
    for number, speech in enumerate(speeches()[:n_rows]):
        words = speech["text"].split()
        if number < n_framed:
            words.insert(len(words) // 2, BOX)
        rows.append({"id": f"{number:02}", "text": " ".join(words), "account": "Harbour"})
    return rows


def not_counted(house: House) -> dict[str, list[str]]:
    rows = house.simrec("articles", "-n", 99, "--json").rows
    return {row["id"]: row["not_counted"] for row in rows if "not_counted" in row}


def test_boilerplate_is_shown_and_does_not_count(empty_house: Callable[..., House]) -> None:
    house = empty_house(framed(12))
    house.step("ingest")
    embedded = house.step("embed")
    assert (embedded.code, "12 of them without boilerplate (accounts: 1)" in embedded.err) == (
        0,
        True,
    )
    assert not_counted(house) == {f"{number:02}": [BOX] for number in range(12)}
    shown = house.simrec("articles", "03")
    assert shown.out.endswith(f"\nnot counted: {BOX}\n")
    assert framed(12)[3]["text"] in shown.out, "the text is shown whole"
    again = house.step("embed")
    assert "embed: 0 texts encoded" in again.err
    house.configure("[embed]\nboilerplate_share = 0\n")
    whole = house.step("embed")
    assert "embed: 12 texts encoded" in whole.err
    assert not_counted(house) == {}


def test_what_counts_has_the_vector_of_a_text_without_a_box(tmp_path: Path) -> None:
    house = new_house(tmp_path / "framed", framed(12))
    plain = new_house(tmp_path / "plain", framed(0))
    for each in (house, plain):
        assert each.job().code == 0
    assert similar(house) == similar(plain)
    assert house.simrec("verify").code == 0


def test_reasons_are_learned_from_what_counts(tmp_path: Path) -> None:
    reasons = []
    for n_framed in (12, 0):
        house = new_house(tmp_path / str(n_framed), framed(n_framed))
        words = CONFIG.replace("lexical_weight = 0", "lexical_weight = 0.5")
        (house.folder / "config.toml").write_text(words)
        ran = house.job()
        assert ran.code == 0, ran.err
        folder = ReleaseFolder(house.workspace / "releases" / house.current)
        reasons.append(parquet.read_table(folder.similar_articles)["reason"].to_pylist())
    assert reasons[0] == reasons[1] and any(reasons[0])


def similar(house: House) -> Rows:
    seed = house.articles[0]["id"]
    return [
        {"id": row["id"], "score": row["score"]}
        for row in house.simrec("similar", seed, "--json").rows
    ]


def test_nights_end_as_from_scratch(tmp_path: Path) -> None:
    nights = [
        framed(9),
        framed(14, 36),
        [*framed(11, 34)[2:], {**framed(1)[0], "account": "Other"}],
    ]
    house = new_house(tmp_path / "nights")
    house.configure("[ingest]\nsync = true\nmax_delete_share = 1\n")
    for number, rows in enumerate(nights):
        house.write_articles(rows)
        assert house.job().code == 0
        scratch = new_house(tmp_path / f"scratch-{number}", rows)
        assert scratch.job().code == 0
        assert not_counted(house) == not_counted(scratch)
        assert len(not_counted(house)) == [0, 14, 0][number]
        assert tables(house) == tables(scratch)


def tables(house: House) -> bytes:
    folder = ReleaseFolder(house.workspace / "releases" / house.current)
    return folder.similar_articles.read_bytes()


def test_an_index_waits_for_what_counts(empty_house: Callable[..., House]) -> None:
    house = empty_house(framed(12))
    for step in ("ingest", "embed"):
        assert house.step(step).code == 0
    house.write_articles(framed(12)[1:])
    house.configure("[ingest]\nsync = true\n")
    assert house.step("ingest").code == 0
    early = house.step("index")
    assert (early.code, "run simrec embed first" in early.err) == (5, True)
    assert house.step("embed").code == 0
    assert house.step("index").code == 0
