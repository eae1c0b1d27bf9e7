"""Benchmarks of the encoder: `python -m tests.benchmarks.encoder DATA [WHAT ...]`.

DATA is a folder with the development sets as JSON lines under xz: stsb_en_dev, sick_train,
sick_dev, bbc_articles, news_articles, openblogs_articles. WHAT is some of quality, speed, cold,
memory, sick; all without any. Comparisons with sentence-transformers need the extra `teacher`; where
it is missing, a sentence stands in their place.
"""

import hashlib
import json
import lzma
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.model_folder import newest
from simrec.encoder.runtime import Encoder
from simrec.metrics import precisions, reciprocal_ranks, same
from tests.benchmarks.machine import ROOT, cpu_seconds, print_machine

Rows = list[dict[str, Any]]
Encode = Callable[[list[str]], np.ndarray]
NEWS, BLOGS, K = 3_000, 1_800, 10
SHORT_TEXTS = 1_000_000


def main(data: Path, what: list[str]) -> None:
    """Print the tables that are asked for."""
    known = {"quality": quality, "speed": speed, "cold": cold, "memory": memory, "sick": sick}
    print_machine(f"python -m tests.benchmarks.encoder DATA {' '.join(what)}")
    for name in what or known:
        known[name](data)


def rows(data: Path, name: str) -> Rows:
    """Read a set, or say that it is needed."""
    path = data / f"{name}.jsonl.xz"
    if not path.exists():
        sys.exit(f"{path}: this benchmark needs it")
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def quality(data: Path) -> None:
    """Print Spearman on STS-B dev and five article sets, of dense vectors, beside the teacher."""
    columns = [
        "encoder",
        "STS-B dev",
        "blog topics",
        "BBC topics",
        "news topics",
        "blog titles",
        "news titles",
        "mean of five",
    ]
    print(f"\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    encoders: dict[str, Encode] = {
        "simrec, pretrained": Encoder(PRETRAINED, threads=cores()).encode
    }
    transformer = sentence_transformer()
    if transformer:
        encoders["all-MiniLM-L6-v2"] = transformer
    means = {}
    for name, encode in encoders.items():
        similarity = sts(data, encode)
        sets = article_sets(data, encode)
        means[name] = float(np.mean(sets))
        cells = [f"{value:.4f}" for value in (similarity, *sets, means[name])]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    if transformer:
        share = means["simrec, pretrained"] / means["all-MiniLM-L6-v2"]
        print(f"\nshare of the teacher's mean: {share:.1%}")


def sts(data: Path, encode: Encode) -> float:
    """Return Spearman's correlation of cosine and grade."""
    from scipy.stats import spearmanr

    pairs = rows(data, "stsb_en_dev")
    grades = [pair["score"] for pair in pairs]
    return float(spearmanr(pair_cosines(pairs, encode), grades).statistic)


def pair_cosines(pairs: Rows, encode: Encode) -> np.ndarray:
    """Return the cosine of the two texts of each pair."""
    left = encode([pair["a"] for pair in pairs])
    right = encode([pair["b"] for pair in pairs])
    cosines: np.ndarray = (left * right).sum(axis=1)
    return cosines


def article_sets(data: Path, encode: Encode) -> list[float]:
    """Return P@10 of topics and MRR of titles, of articles that the encoder never learned from."""
    news = rows(data, "news_articles")
    random.Random(1).shuffle(news)
    news = news[:NEWS]
    blogs = [row for row in rows(data, "openblogs_articles") if row["title"] and row["text"]]
    blogs = [row for row in blogs if unseen(row)][:BLOGS]
    topics = []
    titles = []
    for articles in (blogs, rows(data, "bbc_articles"), news):
        vectors = encode([row["text"] for row in articles])
        topics.append(topic_precision(vectors, articles))
        if articles in (blogs, news):
            queries = encode([row["title"] for row in articles])
            titles.append(float(reciprocal_ranks(queries @ vectors.T).mean()))
    return topics + titles


def unseen(row: dict[str, Any]) -> bool:
    """Return whether a blog article was kept from the pretrained encoder; see its model card."""
    return hashlib.sha256(row["id"].encode()).digest()[0] % 2 == 0


def topic_precision(vectors: np.ndarray, articles: Rows) -> float:
    """Return P@10 among the articles that have a category."""
    labelled = [number for number, row in enumerate(articles) if row.get("category")]
    labels = [articles[number]["category"] for number in labelled]
    scores = vectors[labelled] @ vectors[labelled].T
    return float(precisions(scores, same(labels, len(labels)), K).mean())


def speed(data: Path) -> None:
    """Print articles/s, with and without tokenizing, beside the sgemm limit and the teacher."""
    articles = [row["text"] for row in rows(data, "news_articles")]
    sets = {
        "80 tokens": [" ".join(text.split()[:62]) for text in articles[:6_000]],
        "news, up to 2,500 characters": articles[:2_000],
    }
    transformer = sentence_transformer()
    print(
        f"\n{cores()} processes of one thread; the limit is what sgemm of the same sizes reaches "
        "in as many processes"
    )
    columns = [
        "texts",
        "articles/s",
        "tokens/s",
        "share of limit",
        "without tokenizing",
        "sentence-transformers",
        "ratio",
    ]
    print(f"\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for name, texts in sets.items():
        print(f"| {name} | {speed_row(texts, transformer)} |", flush=True)


def speed_row(texts: list[str], transformer: Encode | None) -> str:
    """Measure one set of texts."""
    parts = [texts[n :: cores()] for n in range(cores())]
    limit = sum(map(float, together(SGEMM, [[]] * cores())))
    seconds = max(map(float, together(BULK, parts)))
    bare_seconds = max(map(float, together(BARE, parts)))
    flops = tokens = 0.0
    for line in together(FLOPS, parts):
        part_flops, part_tokens = line.split()
        flops += float(part_flops)
        tokens += float(part_tokens)
    rate = len(texts) / seconds
    cells = [
        f"{rate:.0f}",
        f"{tokens / seconds:.0f}",
        f"{flops / seconds / limit:.2f}",
        f"{flops / bare_seconds / limit:.2f}",
    ]
    if transformer is None:
        return " | ".join([*cells, "needs the extra teacher", ""])
    teacher_rate = texts_per_second(texts[:200], transformer)
    return " | ".join([*cells, f"{teacher_rate:.1f}", f"{rate / teacher_rate:.1f}"])


def texts_per_second(texts: list[str], encode: Encode) -> float:
    """Return how many texts a warm encoder encodes in a second."""
    encode(texts[:32])
    started = time.monotonic()
    encode(texts)
    return len(texts) / (time.monotonic() - started)


OPEN = """
import json, sys, time, numpy as np
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.encoder.tokenizer import token_ids
texts = json.load(sys.stdin)
encoder = Encoder(PRETRAINED)
encoder.encode(["warm up"] * 64)
"""
BULK = OPEN + "t = time.monotonic(); encoder.encode(texts); print(time.monotonic() - t)"
BARE = (
    OPEN
    + """
windows = encoder._windows_of(texts)[0]
t = time.monotonic()
encoder.run(windows)
print(time.monotonic() - t)
"""
)
FLOPS = OPEN + (
    "n = encoder.runtime.network; h, d = n['hidden'], n['dim']\n"
    "tokens = sum(map(len, encoder._windows_of(texts)[0]))\n"
    # Two directions, three gates, a product and a sum.
    "print(tokens * 2 * 2 * 3 * h * (h + d), tokens)"
)
# The best of two libraries, since either alone may be below what the recurrent operator reaches.
SGEMM = """
import time, numpy as np, onnxruntime
from onnx import TensorProto as T, helper as h
a, b = np.ones((2048, 512), np.float32), np.ones((512, 768), np.float32)
shapes = (("a", a.shape), ("b", b.shape), ("c", None))
info = [h.make_tensor_value_info(name, T.FLOAT, shape) for name, shape in shapes]
graph = h.make_graph([h.make_node("MatMul", ["a", "b"], ["c"])], "g", info[:2], info[2:])
opsets = [h.make_opsetid("", 17)]
model = h.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options)
def rate(product):
    product()
    t, n = time.monotonic(), 0
    while time.monotonic() - t < 3:
        product()
        n += 1
    return 2 * 2048 * 512 * 768 * n / (time.monotonic() - t)
print(max(rate(lambda: a @ b), rate(lambda: session.run(None, {"a": a, "b": b}))))
"""


def together(code: str, parts: list[list[str]]) -> list[str]:
    """Run code in one process of one thread for each part, at once; return what each prints."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    processes = []
    for part in parts:
        with tempfile.TemporaryFile("w+") as texts:
            json.dump(part, texts)
            texts.seek(0)
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=texts,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=environment,
            )
            processes.append(process)
    return [process.communicate()[0] for process in processes]


def cold(_: Path) -> None:
    """Print the CPU seconds of one text in a cold process."""
    code = (
        "from simrec.encoder.default_encoder import PRETRAINED as p\n"
        "from simrec.encoder.runtime import Encoder as E\n"
        "E(p).encode(['a'])"
    )
    transformer = (
        "from sentence_transformers import SentenceTransformer as S\n"
        "from simrec.training.teacher import packaged as p; "
        "S(str(p()), device='cpu').encode(['a'])"
    )
    print("\n| one text, cold process | CPU seconds, median of 7 |\n|---|---|")
    print(f"| simrec | {median_cpu(code, 7):.2f} |")
    if sentence_transformer():
        print(f"| sentence-transformers | {median_cpu(transformer, 3):.2f} |")


def median_cpu(code: str, runs: int) -> float:
    """Return the median CPU seconds of Python code in a process of its own."""
    return float(np.median([cpu_seconds([sys.executable, "-c", code]) for _ in range(runs)]))


def memory(_: Path) -> None:
    """Print the peak memory of `simrec embed` on a million short texts, of its largest process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "short.jsonl").open("w") as file:
            for number in range(SHORT_TEXTS):
                text = f"short text number {number} about {number % 977}"
                file.write(json.dumps({"id": str(number), "text": text}) + "\n")
        simrec("ingest", folder / "short.jsonl", "-w", folder / "ws")
        simrec("embed", "-w", folder / "ws")
        run = json.loads((folder / "ws" / "journal.jsonl").read_text().splitlines()[-1])
    step = run["steps"][-1]
    rate = SHORT_TEXTS / step["seconds"]
    print(f"\n{SHORT_TEXTS:,} short texts: peak {step['peak_mib']:,} MiB, {rate:.0f} texts/s")


def simrec(*arguments: object) -> None:
    """Run a command of simrec."""
    command = [sys.executable, "-m", "simrec", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT)


def sick(data: Path) -> None:
    """Fine-tune the pretrained encoder on SICK train; print Pearson on SICK dev."""
    train = rows(data, "sick_train")
    dev = rows(data, "sick_dev")
    grades = [pair["score"] for pair in dev]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = sorted({pair[side] for pair in train for side in "ab"})
        write_jsonl(folder / "pairs.jsonl", train)
        write_jsonl(folder / "articles.jsonl", [{"id": text, "text": text} for text in texts])
        (folder / "sick.toml").write_text(SICK)
        for step in ("ingest", "train"):
            simrec(step, "-w", folder / "ws", "-c", folder / "sick.toml")
        encoders = folder / "ws" / "encoders"
        tuned = encoders / str(newest(encoders))
        print("\n| SICK dev | Pearson |\n|---|---|")
        for what, path in {"pretrained": PRETRAINED, "fine-tuned on SICK train": tuned}.items():
            cosines = pair_cosines(dev, Encoder(path).encode)
            print(f"| {what} | {np.corrcoef(cosines, grades)[0, 1]:.4f} |")


def write_jsonl(path: Path, articles: Rows) -> None:
    """Write one JSON object a line."""
    path.write_text("\n".join(map(json.dumps, articles)))


SICK = """
[[sources]]
path = "articles.jsonl"
[training]
start = "pretrained"
held_out = 0.05
epochs = 8
batch_size = 16
learning_rate = 0.0015
[[objectives]]
kind = "cosine"
pairs = "pairs.jsonl"
"""


def sentence_transformer() -> Encode | None:
    """Return what encodes with all-MiniLM-L6-v2 as its users do, or None with a sentence."""
    try:
        from sentence_transformers import SentenceTransformer

        from simrec.training.teacher import packaged
    except ModuleNotFoundError as error:
        print(
            f"\nwithout sentence-transformers ({error.name} is missing): "
            "pip install 'simrec[teacher]'"
        )
        return None
    model = SentenceTransformer(str(packaged()), device="cpu", local_files_only=True)
    return lambda texts: np.asarray(
        model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    )


def cores() -> int:
    """Return the cores this process may use."""
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
