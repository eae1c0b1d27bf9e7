"""Training through its doors: what it learns from, what it keeps, what it refuses."""

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from simrec import files
from simrec.articles.article import held_out_below
from simrec.articles.store import Store
from simrec.encoder import model_folder as encoder_folder
from simrec.encoder.runtime import Encoder
from simrec.training.distillation import PASSAGE_WORDS
from tests.conftest import CONFIG, House, new_house, speeches

SMALL = CONFIG  # hidden 16, dim 32, one epoch, batches of 32


@pytest.fixture
def ingested(tmp_path: Path) -> House:
    """A house with articles and no encoder."""
    house = new_house(tmp_path / "house")
    assert house.step("ingest").code == 0
    return house


def write_jsonl(path: Path, rows: list[Any]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def encoders(house: House) -> dict[str, dict[str, Any]]:
    folders = [
        folder
        for folder in (house.workspace / "encoders").iterdir()
        if not folder.name.startswith(".")
    ]
    return {folder.name: encoder_folder.read_card(folder) for folder in folders}


def only_encoder(house: House) -> Path:
    (name,) = encoders(house)
    return house.workspace / "encoders" / name


WORDS = {
    "war": [
        "army",
        "navy",
        "fleet",
        "troops",
        "soldiers",
        "officers",
        "militia",
        "fort",
        "enemy",
        "battle",
    ],
    "trade": [
        "commerce",
        "duties",
        "tariff",
        "revenue",
        "currency",
        "gold",
        "silver",
        "bank",
        "imports",
        "price",
    ],
}


def graded_pairs(count: int) -> list[dict[str, Any]]:
    """Pairs of three words each; a pair of one subject has the grade 5, of two 1."""
    chance = random.Random(0)
    pairs = []
    for _ in range(count):
        subjects = chance.choices(list(WORDS), k=2)
        a, b = (" ".join(chance.sample(WORDS[subject], 3)) for subject in subjects)
        pairs.append({"a": a, "b": b, "score": 5 if subjects[0] == subjects[1] else 1})
    return pairs


@pytest.mark.parametrize("objective", ["cosine", "manhattan"])
def test_graded_pairs_teach_what_is_alike(ingested: House, objective: str) -> None:
    pairs = graded_pairs(600)
    write_jsonl(ingested.folder / "graded.jsonl", pairs)
    ingested.configure(f'[[objectives]]\nkind = "{objective}"\npairs = "graded.jsonl"\n')
    config = ingested.folder / "config.toml"
    config.write_text(config.read_text().replace("epochs = 1", "epochs = 4\nlearning_rate = 0.02"))
    ran = ingested.step("train")
    assert ran.code == 0, ran.err
    history = encoder_folder.read_card(only_encoder(ingested))["history"]
    best = max(history, key=lambda epoch: epoch["score"])
    assert history[0]["held_out_correlation"] + 0.1 < best["held_out_correlation"]
    encoder, judged = Encoder(only_encoder(ingested)), pairs[::10]
    cosines = (
        encoder.encode([row["a"] for row in judged]) * encoder.encode([row["b"] for row in judged])
    ).sum(axis=1)
    correlation = np.corrcoef(cosines, [row["score"] for row in judged])[0, 1]
    assert correlation == pytest.approx(best["held_out_correlation"], abs=0.02), (
        "the card says what the encoder does"
    )


def test_groups_links_triplets_and_articles_are_learned_in_one_run(ingested: House) -> None:
    articles = ingested.articles
    groups = [
        {"texts": [a["text"][:80], a["text"][80:160], a["text"][160:240]]} for a in articles[:80]
    ]
    write_jsonl(ingested.folder / "groups.jsonl", groups)
    links = [f"{a['id']},{b['id']}" for a, b in zip(articles[:-1], articles[1:], strict=True)]
    (ingested.folder / "links.csv").write_text("\n".join(["id_a,id_b", *links]))
    triplets = [
        {"anchor": a["text"][:90], "positive": a["text"][90:200], "negative": b["text"][:90]}
        for a, b in zip(articles[:60], articles[100:160], strict=True)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(triplets), ingested.folder / "triplets.parquet")
    ingested.configure(
        '[[objectives]]\n[[objectives]]\npairs = "groups.jsonl"\nhard_negatives = true\n'
        '[[objectives]]\npairs = "links.csv"\n[[objectives]]\nkind = "triplet"\npairs = "triplets.parquet"\n'
    )
    ran = ingested.step("train")
    assert ran.code == 0, ran.err
    assert "links.csv" not in ran.err, "a link to a held-out article is no mistake"
    last = encoder_folder.read_card(only_encoder(ingested))["history"][-1]
    parts = ("contrastive_1_loss", "contrastive_2_loss", "contrastive_3_loss", "triplet_4_loss")
    assert last["loss"] == pytest.approx(sum(last[part] for part in parts), rel=1e-3)


def lsa_lessons(folder: Path, dim: int = 48) -> tuple[TfidfVectorizer, TruncatedSVD]:
    """Write lessons of a teacher that is latent semantic analysis, in two files."""
    texts = [
        part
        for speech in speeches()
        for part in (speech["text"], speech["text"][:120], speech["text"][120:300])
    ]
    weights, axes = TfidfVectorizer(stop_words="english"), TruncatedSVD(dim, random_state=0)
    vectors = axes.fit_transform(weights.fit_transform(texts)).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    for number, part in enumerate(np.array_split(np.arange(len(texts)), 2)):
        table = {"text": [texts[row] for row in part], "vector": list(vectors[part])}
        parquet.write_table(pyarrow.table(table), folder / f"lessons{number}.parquet")
    return weights, axes


def test_a_student_of_a_file_of_vectors_learns_the_teachers_similarities(ingested: House) -> None:
    weights, axes = lsa_lessons(ingested.folder)
    ingested.configure(
        '[[objectives]]\nkind = "distillation"\n[pretraining]\nteacher = "lessons*.parquet"\n'
    )
    config = ingested.folder / "config.toml"
    more = 'start = "teacher"\ntoken_epochs = 8\ntoken_batch_size = 64\nlearning_rate = 0.01\nepochs = 4'
    config.write_text(config.read_text().replace("epochs = 1", more))
    ran = ingested.job("pretrain")
    assert ran.code == 0, ran.err
    encoder = Encoder(only_encoder(ingested))
    texts = [speech["text"][30:400] for speech in speeches()]
    taught = axes.transform(weights.transform(texts))
    taught /= np.linalg.norm(taught, axis=1, keepdims=True)
    given = encoder.encode(texts)
    upper = np.triu_indices(len(texts), 1)
    assert np.corrcoef((taught @ taught.T)[upper], (given @ given.T)[upper])[0, 1] > 0.8


FAKE_TEACHER = """
import sys, types, json, numpy as np
from pathlib import Path
asked = Path({asked!r})
class Teacher:
    id = "teacher-fake"
    def __init__(self, folder): pass
    def tokenizer_json(self): return None
    def encode(self, texts):
        with asked.open("a") as file:
            file.write(json.dumps(list(texts)) + "\\n")
        if {kill} and asked.read_text().count("\\n") == {kill}:
            os.kill(os.getpid(), 9)
        return np.stack([np.random.default_rng(len(text)).normal(size=12) for text in texts])
module = types.ModuleType("simrec.training.teacher")
module.Teacher, module.packaged = Teacher, lambda: Path("nowhere")
sys.modules["simrec.training.teacher"] = module
import simrec.training.ask_teacher as t
t.SHARD = 300
"""


def test_teaching_goes_on_where_it_was_killed(ingested: House) -> None:
    more = '[[objectives]]\nkind = "distillation"\n'
    ingested.configure(more)
    asked = ingested.folder / "asked.jsonl"
    assert ingested.job("pretrain", before=FAKE_TEACHER.format(asked=str(asked), kill=3)).code == -9
    shards = sorted((ingested.workspace / "lessons" / "teacher-fake" / "shards").glob("*.parquet"))
    assert len(shards) == 2
    stamps = [path.stat().st_mtime_ns for path in shards]
    killed = [json.loads(line) for line in asked.read_text().splitlines()]
    asked.unlink()
    ran = ingested.job("pretrain", before=FAKE_TEACHER.format(asked=str(asked), kill=0))
    assert ran.code == 0, ran.err
    again = [json.loads(line) for line in asked.read_text().splitlines()]
    assert again[0] == killed[2], "the shard that was lost is asked first"
    assert [path.stat().st_mtime_ns for path in shards] == stamps
    texts = [text for shard in killed[:2] + again for text in shard]
    assert len(texts) == len(set(texts)), "no lesson is taught twice"
    beginnings = {" ".join(text.split()[:PASSAGE_WORDS]) for text in held_out_texts(ingested)}
    assert len(beginnings) > 20
    assert not beginnings & set(texts), "nothing held out is ever taught"


def held_out_texts(house: House) -> list[str]:
    with Store.open(house.workspace / "articles.db") as store:
        keys = [key for key in store.text_keys() if key < held_out_below(0.1)]
        return [text for _, text in store.texts(keys)]


def test_a_worse_challenger_leaves_the_champion_in_use(house: House) -> None:
    (champion,) = encoders(house)
    house.configure("")
    config = house.folder / "config.toml"
    config.write_text(
        config.read_text().replace("dim = 32", "dim = 8").replace("epochs = 1", "epochs = 0")
    )
    ran = house.job("retrain")
    assert ran.code == 0, ran.err
    cards = encoders(house)
    (challenger,) = cards.keys() - {champion}
    scores = cards[challenger]["scores"]
    assert (cards[challenger]["kept"], scores["challenger"] < scores["champion"]) == (False, True)
    what = house.last_steps()["train"]["what"]
    assert f"{scores['challenger']:.4f} to {scores['champion']:.4f}" in what and champion in what
    assert (
        json.loads((house.workspace / "releases" / house.current / "manifest.json").read_text())[
            "encoder_id"
        ]
        == champion
    )
    assert house.job("retrain").code == 0
    assert house.last_steps()["train"]["state"] == "skipped", "what lost is not trained again"


def test_a_better_challenger_takes_over(ingested: House) -> None:
    ingested.configure("")
    config = ingested.folder / "config.toml"
    config.write_text(SMALL.replace("dim = 32", "dim = 8").replace("epochs = 1", "epochs = 0"))
    assert ingested.step("train").code == 0
    (champion,) = encoders(ingested)
    config.write_text(SMALL)
    ran = ingested.step("train")
    assert "takes over from" in ran.err, ran.err
    (challenger,) = encoders(ingested).keys() - {champion}
    assert encoder_folder.newest(ingested.workspace / "encoders") == challenger


def test_a_start_that_cannot_be_bettered_is_kept_bit_for_bit(house: House) -> None:
    """Trained with a rate that ruins it, the encoder that comes out is the one that went in."""
    (start,) = encoders(house)
    config = house.folder / "config.toml"
    more = f'epochs = 2\nlearning_rate = 50.0\nstart = "{house.workspace / "encoders" / start}"'
    config.write_text(SMALL.replace("epochs = 1", more))
    ran = house.step("train")
    assert ran.code == 0, ran.err
    assert list(encoders(house)) == [start]


KILL_AT = """
import keras, simrec.training.trainer as f
f.CHECKPOINT_STEPS = 2
train, steps = keras.Model.train_on_batch, []
def counted(self, *arguments, **named):
    steps.append(1)
    if len(steps) == {kill}:
        os.kill(os.getpid(), 9)
    open({log!r}, "w").write(str(len(steps)))
    return train(self, *arguments, **named)
keras.Model.train_on_batch = counted
"""


def test_a_killed_training_goes_on_from_its_checkpoint(ingested: House) -> None:
    log = ingested.folder / "steps"
    assert ingested.job("retrain", before=KILL_AT.format(kill=8, log=str(log))).code == -9
    ran = ingested.job("retrain", before=KILL_AT.format(kill=0, log=str(log)))
    assert ran.code == 0, ran.err
    history = encoder_folder.read_card(only_encoder(ingested))["history"]
    assert (int(log.read_text()), len(history)) == (11 - 6, 2), (
        "eleven steps in all, six of them in the checkpoint"
    )
    assert not list((ingested.workspace / "staging").glob("encoder-*"))


def test_cells_are_compared_and_nothing_is_kept(ingested: House) -> None:
    plot = ingested.folder / "cells.svg"
    ran = ingested.simrec(
        "train",
        "--compare",
        "rnn,gru",
        "--plot",
        plot,
        "--json",
        "-c",
        ingested.folder / "config.toml",
    )
    assert ran.code == 0, ran.err
    assert "oneDNN" not in ran.err, "libraries speak on stderr before they are told not to"
    assert [row["cell"] for row in ran.rows] == ["rnn", "gru"]
    assert all(
        0 < row["held_out"] <= 1
        and row["articles_a_second"] > 0
        and 1 <= row["gradient_reach"] <= 96
        for row in ran.rows
    )
    assert plot.read_text().count("<svg") == 1
    assert encoders(ingested) == {}
    assert ingested.simrec("train", "--compare", "transformer").code == 2


PAIRS = '[[objectives]]\nkind = "cosine"\npairs = "pairs.jsonl"\n'
GOOD = [{"a": f"one {n}", "b": f"other {n}", "score": n % 5} for n in range(40)]


@pytest.mark.parametrize(
    ("rows", "objective", "code", "says"),
    [
        (
            [*GOOD[:9], {"a": "x", "b": "y", "score": "high"}],
            "cosine",
            7,
            r"pairs.jsonl, line 10: score 'high' is not a number",
        ),
        (
            [{"a": "x", "b": "y", "score": None}, *GOOD],
            "cosine",
            0,
            r"line 1: score None is not a number",
        ),
        (
            [*GOOD, {"a": " ", "b": "y", "score": 1}],
            "cosine",
            0,
            r"line 41: a text is missing, empty or no text",
        ),
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
        (GOOD[:9], "cosine", 7, r"9 graded pairs; at least 20 are needed"),
        (
            [{"texts": ["alone"]}] * 2,
            "contrastive",
            7,
            r"line 1: texts has to be a list of two or more",
        ),
        (
            [{"id_a": "1790-Washington-1/1", "id_b": "nobody"}] * 2,
            "contrastive",
            7,
            r"there is no article 'nobody'",
        ),
    ],
)
def test_a_bad_pair_file_is_a_sentence(ingested: House, rows, objective, code, says) -> None:
    write_jsonl(ingested.folder / "pairs.jsonl", rows)
    ingested.configure(f'[[objectives]]\nkind = "{objective}"\npairs = "pairs.jsonl"\n')
    ran = ingested.step("train")
    assert re.search(says, ran.err), ran.err
    assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ('[[objectives]]\nkind = "distillation"\n', 3, "there are no lessons: run simrec teach"),
        (
            '[[objectives]]\nkind = "distillation"\n[pretraining]\nteacher = "no*.parquet"\n',
            3,
            "there is no such file of lessons",
        ),
        (
            '[[objectives]]\nkind = "distillation"\n[pretraining]\nteacher = "bad*.parquet"\n',
            3,
            "vectors of 7, those before it have 5",
        ),
        (
            '[[objectives]]\nkind = "distillation"\n[pretraining]\nteacher = "nan.parquet"\n',
            3,
            "row 1 has a vector that is no number",
        ),
        (
            '[[objectives]]\nkind = "distillation"\n[pretraining]\nteacher = "text.parquet"\n',
            3,
            "no lessons, which are Parquet columns",
        ),
        ('[[objectives]]\npairs = "missing.csv"\n', 2, "missing.csv: no such file"),
    ],
)
def test_bad_lessons_are_a_sentence(ingested: House, more: str, code: int, says: str) -> None:
    folder = ingested.folder
    for name, dim in (("bad1", 5), ("bad2", 7)):
        parquet.write_table(
            pyarrow.table({"text": ["a", "b"], "vector": [[1.0] * dim] * 2}),
            folder / f"{name}.parquet",
        )
    parquet.write_table(
        pyarrow.table({"text": ["a", "b"], "vector": [[1.0], [float("nan")]]}),
        folder / "nan.parquet",
    )
    parquet.write_table(pyarrow.table({"text": ["a", "b"]}), folder / "text.parquet")
    ingested.configure(more)
    ran = ingested.step("train")
    assert (ran.code, says in ran.err, "Traceback" in ran.err) == (code, True, False), ran.err


def test_an_encoder_of_another_shape_is_no_start(house: House) -> None:
    (start,) = encoders(house)
    config = house.folder / "config.toml"
    path = house.workspace / "encoders" / start
    config.write_text(
        SMALL.replace("hidden = 16", "hidden = 24").replace("epochs = 1", f'start = "{path}"')
    )
    ran = house.step("train")
    assert (ran.code, "hidden = 24 (it has 16)" in ran.err) == (3, True), ran.err


def test_an_encoder_of_another_format_is_refused_with_the_mend(house: House) -> None:
    path = only_encoder(house) / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "format": 99}))
    manifest = path.with_name("manifest.json")
    content = files.unseal(manifest.read_bytes())
    content["files"]["config.json"] = files.sha256(path)
    manifest.write_text(json.dumps(files.seal(content)))
    ran = house.simrec("similar", "--text", "the price of wheat")
    assert (ran.code, "format 99, this simrec reads 2" in ran.err, "simrec train" in ran.err) == (
        5,
        True,
        True,
    ), ran.err
