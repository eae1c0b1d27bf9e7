"""Distillation: a student learns a teacher's similarities, and asking a teacher survives a kill."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from tokenizers import Tokenizer

from simrec.articles.article import held_out_below
from simrec.articles.store import Store
from simrec.encoder.runtime import Encoder
from simrec.encoder.tokenizer import train_tokenizer
from simrec.training.distillation import PASSAGE_WORDS
from tests.conftest import House, run, speeches
from tests.training.houses import configure, history, only_encoder

DISTIL = '[[objectives]]\nkind = "distillation"\n'


def lsa_teachers(folder: Path, dim: int = 48) -> Callable[[list[str]], np.ndarray]:
    """Write the embeddings of two teachers that are latent semantic analysis.

    The second has its first dimensions alone, and read half of the texts. Returns what gives the
    mean of both teachers' centred similarities of texts.
    """
    texts = []
    for speech in speeches():
        text = speech["text"]
        texts += [text, text[:120], text[120:300]]
    tfidf = TfidfVectorizer(stop_words="english")
    axes = TruncatedSVD(dim, random_state=0)
    vectors = axes.fit_transform(tfidf.fit_transform(texts)).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    for number, rows in enumerate(np.array_split(np.arange(len(texts)), 2)):
        table = {"text": [texts[row] for row in rows], "vector": list(vectors[rows])}
        parquet.write_table(pyarrow.table(table), folder / f"taught{number}.parquet")
    table = {"text": texts[::2], "vector": list(vectors[::2, :20])}
    parquet.write_table(pyarrow.table(table), folder / "half.parquet")
    means = [vectors.mean(axis=0), vectors[::2, :20].mean(axis=0)]

    def similarities(texts: list[str]) -> np.ndarray:
        rows = axes.transform(tfidf.transform(texts))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        total = np.zeros((len(texts), len(texts)))
        for mean in means:
            centred = rows[:, : len(mean)] - mean
            centred /= np.linalg.norm(centred, axis=1, keepdims=True)
            total += centred @ centred.T / len(means)
        return total

    return similarities


def test_a_student_of_files_of_vectors_learns_the_teachers_similarities(ingested: House) -> None:
    """Of two teachers, one of which read half of the texts; with a vocabulary of its own."""
    similarities = lsa_teachers(ingested.folder)
    vocabulary = train_tokenizer((speech["text"] for speech in speeches()), 1_500)
    vocabulary.save(str(ingested.folder / "words.json"))
    teachers = '[{model = "taught*.parquet"}, {model = "half.parquet"}]'
    training = 'start = "teacher"\ntoken_epochs = 8\ntoken_batch_size = 64\n'
    training += "learning_rate = 0.01\nepochs = 4"
    pretraining = f'[pretraining]\nteacher = {teachers}\nvocabulary = "words.json"\n'
    configure(ingested, DISTIL + pretraining, training)
    ran = ingested.job("pretrain")
    assert ran.code == 0, ran.err
    encoder = Encoder(only_encoder(ingested))
    written = Tokenizer.from_file(str(only_encoder(ingested) / "tokenizer.json"))
    assert written.get_vocab() == vocabulary.get_vocab()
    texts = [speech["text"][30:400] for speech in speeches()]
    learned = encoder.encode(texts)
    upper = np.triu_indices(len(texts), 1)
    taught = similarities(texts)[upper]
    assert np.corrcoef(taught, (learned @ learned.T)[upper])[0, 1] > 0.8


def test_asking_a_teacher_goes_on_where_it_was_killed(ingested: House) -> None:
    configure(ingested, DISTIL)
    notes = ingested.folder / "encoded.jsonl"
    assert run("-m", "tests.training.teaching", ingested.folder, 3).code == -9
    folder = ingested.workspace / "lessons" / "teacher-noting" / "shards"
    shards = sorted(folder.glob("*.parquet"))
    assert len(shards) == 2
    stamps = [path.stat().st_mtime_ns for path in shards]
    before_kill = [json.loads(line) for line in notes.read_text().splitlines()]
    notes.unlink()
    ran = run("-m", "tests.training.teaching", ingested.folder, 0)
    assert ran.code == 0, ran.err
    after_kill = [json.loads(line) for line in notes.read_text().splitlines()]
    assert after_kill[0] == before_kill[2], "the shard that was lost is the first"
    assert [path.stat().st_mtime_ns for path in shards] == stamps
    texts = [text for shard in before_kill[:2] + after_kill for text in shard]
    assert len(texts) == len(set(texts)), "no text is encoded twice"
    passages = {" ".join(text.split()[:PASSAGE_WORDS]) for text in held_out_texts(ingested)}
    assert len(passages) > 20
    assert not passages & set(texts), "nothing held out is ever shown to a teacher"
    ran = ingested.step("train")
    assert ran.code == 0, ran.err
    assert "held_out_cosine" in history(ingested)[-1], (
        "the student learns from the teacher's shards"
    )


def held_out_texts(house: House) -> list[str]:
    with Store.open(house.workspace / "articles.db") as store:
        keys = [key for key in store.text_keys() if key < held_out_below(0.1)]
        return [text for _, text in store.texts(keys)]


@pytest.mark.parametrize(
    ("pretraining", "says"),
    [
        ("", "there is no distillation data: run simrec teach"),
        ('teacher = "no*.parquet"', "there is no such file of distillation data"),
        (
            'teacher = [{model = "few.parquet"}, {model = "few.parquet", languages = ["en"]}]',
            "the lessons of teacher 1 and teacher 2 disagree in their texts: they share 2 of 2",
        ),
        ('teacher = "bad*.parquet"', "vectors of 7, those before it have 5"),
        ('teacher = "nan.parquet"', "row 1 has a vector that is no number"),
        ('teacher = "text.parquet"', "no distillation data, which are Parquet columns"),
    ],
)
def test_bad_distillation_data_is_a_sentence(ingested: House, pretraining: str, says: str) -> None:
    def write(name: str, **columns: list[object]) -> None:
        parquet.write_table(pyarrow.table(columns), ingested.folder / f"{name}.parquet")

    write("bad1", text=["a", "b"], vector=[[1.0] * 5] * 2)
    write("bad2", text=["a", "b"], vector=[[1.0] * 7] * 2)
    write("nan", text=["a", "b"], vector=[[1.0], [float("nan")]])
    write("text", text=["a", "b"])
    write("few", text=["a", "b"], vector=[[1.0, 0.0], [0.0, 1.0]])
    configure(ingested, f"{DISTIL}[pretraining]\n{pretraining}\n")
    ran = ingested.step("train")
    assert (ran.code, says in ran.err, "Traceback" in ran.err) == (3, True, False), ran.err
