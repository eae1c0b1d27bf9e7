"""Pair files: all kinds are learned in one run, and a bad file is a sentence."""

import logging
import re
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from simrec.errors import SimrecError
from simrec.training.pair_files import read_pairs
from tests.conftest import House
from tests.training.houses import configure, history, write_jsonl

GOOD = [{"a": f"one {n}", "b": f"other {n}", "score": n % 5} for n in range(40)]
NOT_A_NUMBER = {"a": "x", "b": "y", "score": "high"}
NO_SCORE = {"a": "x", "b": "y", "score": None}


def test_groups_links_triplets_and_articles_are_learned_in_one_run(ingested: House) -> None:
    articles = ingested.articles
    texts = [article["text"] for article in articles]
    groups = [{"texts": [text[:80], text[80:160], text[160:240]]} for text in texts[:80]]
    write_jsonl(ingested.folder / "groups.jsonl", groups)
    links = [f"{a['id']},{b['id']}" for a, b in zip(articles[:-1], articles[1:], strict=True)]
    (ingested.folder / "links.csv").write_text("\n".join(["id_a,id_b", *links]))
    triplets = [
        {"anchor": text[:90], "positive": text[90:200], "negative": other[:90]}
        for text, other in zip(texts[:60], texts[100:160], strict=True)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(triplets), ingested.folder / "triplets.parquet")
    configure(
        ingested,
        '[[objectives]]\n[[objectives]]\npairs = "groups.jsonl"\nhard_negatives = true\n'
        '[[objectives]]\npairs = "links.csv"\n'
        '[[objectives]]\nkind = "triplet"\npairs = "triplets.parquet"\n',
        training="epochs = 1\npassage_tokens = 8\nmax_articles = 120",
        window_tokens=16,  # texts of one length: the network is compiled once
    )
    ran = ingested.step("train")
    assert ran.code == 0, ran.err
    assert "links.csv" not in ran.err, "a link to a held-out article is no mistake"
    last = history(ingested)[-1]
    parts = ("contrastive_1_loss", "contrastive_2_loss", "contrastive_3_loss", "triplet_4_loss")
    assert last["loss"] == pytest.approx(sum(last[part] for part in parts), rel=1e-3)


def read(folder: Path, rows: list[dict[str, Any]], objective: str) -> Any:
    path = folder / "pairs.jsonl"
    write_jsonl(path, rows)
    return read_pairs(path, [objective], {"known": "text"}.get, max_reject_share=0.05)


@pytest.mark.parametrize(
    ("rows", "objective", "code", "says"),
    [
        ([*GOOD[:9], NOT_A_NUMBER], "cosine", 7, r"jsonl, line 10: score 'high' is not a number"),
        (
            [{"left": "x", "right": "y"}],
            "cosine",
            3,
            r"its columns are left, right; a pair file has one of: anchor",
        ),
        (
            [{"a": "x", "b": "y"}],
            "cosine",
            3,
            r"a, b do not fit the objective 'cosine', which needs \(a, b, score\)",
        ),
        (GOOD, "contrastive", 3, r"a, b, score do not fit the objective 'contrastive'"),
        ([], "cosine", 3, r"there is no pair in it"),
        (
            [{"texts": ["alone"]}] * 2,
            "contrastive",
            7,
            r"line 1: texts has to be a list of two or more",
        ),
        (
            [{"id_a": "known", "id_b": "nobody"}] * 2,
            "contrastive",
            7,
            r"there is no article 'nobody'",
        ),
    ],
)
def test_a_bad_pair_file_is_refused(
    tmp_path: Path, rows: list[dict[str, Any]], objective: str, code: int, says: str
) -> None:
    with pytest.raises(SimrecError) as refused:
        read(tmp_path, rows, objective)
    assert re.search(says, str(refused.value))
    assert refused.value.exit_code == code


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([NO_SCORE, *GOOD], "line 1: score None is not a number"),
        ([*GOOD, {"a": " ", "b": "y", "score": 1}], "line 41: a text is missing, empty or no text"),
    ],
)
def test_a_few_bad_rows_are_named_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: list[dict[str, Any]], says: str
) -> None:
    with caplog.at_level(logging.WARNING):
        file = read(tmp_path, rows, "cosine")
    assert says in caplog.text
    assert file.rows == [(row["a"], row["b"]) for row in GOOD]
    assert file.grades == [row["score"] / 4 for row in GOOD]


@pytest.mark.parametrize(
    ("rows", "code", "says"),
    [
        ([*GOOD[:9], NOT_A_NUMBER], 7, "pairs.jsonl, line 10: score 'high' is not a number"),
        ([NO_SCORE, *GOOD], 0, "line 1: score None is not a number"),
        ([{"a": "x", "b": "y"}], 3, "a, b do not fit the objective 'cosine'"),
        (GOOD[:9], 7, "9 graded pairs; at least 20 are needed"),
    ],
)
def test_a_training_says_what_is_wrong_with_a_pair_file(
    ingested: House, rows: list[dict[str, Any]], code: int, says: str
) -> None:
    write_jsonl(ingested.folder / "pairs.jsonl", rows)
    configure(ingested, '[[objectives]]\nkind = "cosine"\npairs = "pairs.jsonl"\n')
    ran = ingested.step("train")
    assert (ran.code, says in ran.err, "Traceback" in ran.err) == (code, True, False), ran.err


def test_a_missing_pair_file_is_named(ingested: House) -> None:
    configure(ingested, '[[objectives]]\npairs = "missing.csv"\n')
    ran = ingested.step("train")
    assert (ran.code, "missing.csv: no such file" in ran.err, "Traceback" in ran.err) == (
        2,
        True,
        False,
    ), ran.err
