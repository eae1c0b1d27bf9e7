"""Benchmarks of the encoder: `python -m tests.benchmarks.encoder DATA [WHAT ...]`.

DATA is a folder with the development sets as JSON lines under xz: stsb_en_dev, sick_train, sick_dev,
bbc_articles, news_articles, openblogs_articles. WHAT is some of quality, speed, cold, memory, sick; all
without any. What compares with sentence-transformers needs the extra `teacher`, and is left out with a
sentence where it is absent.
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
    """Print Spearman on STS-B dev and five article sets, dense vectors alone, beside the teacher on the same rows."""
    print(
        "\n| encoder | STS-B dev | blog topics | BBC topics | news topics | blog titles | news titles | mean of five |"
    )
    print("|---|---|---|---|---|---|---|---|")
    encoders: dict[str, Encode] = {
        "simrec, pretrained": Encoder(PRETRAINED, threads=cores()).encode
    }
    transformer = sentence_transformer()
    if transformer:
        encoders["all-MiniLM-L6-v2"] = transformer
    means = {}
    for name, encode in encoders.items():
        similarity, sets = sts(data, encode), article_sets(data, encode)
        means[name] = float(np.mean(sets))
        print(
            f"| {name} | {similarity:.4f} | {' | '.join(f'{value:.4f}' for value in sets)} | {means[name]:.4f} |",
            flush=True,
        )
    if transformer:
        print(
            f"\nshare of the teacher's mean: {means['simrec, pretrained'] / means['all-MiniLM-L6-v2']:.1%}"
        )


def sts(data: Path, encode: Encode) -> float:
    """Return Spearman's correlation of cosine and grade."""
    from scipy.stats import spearmanr

    pairs = rows(data, "stsb_en_dev")
    cosines = (encode([pair["a"] for pair in pairs]) * encode([pair["b"] for pair in pairs])).sum(
        axis=1
    )
    return float(spearmanr(cosines, [pair["score"] for pair in pairs]).statistic)


def article_sets(data: Path, encode: Encode) -> list[float]:
    """Return P@10 of topics and MRR of titles that look for their texts, of articles the encoder never learned from."""
    news = rows(data, "news_articles")
    random.Random(1).shuffle(news)
    news = news[:NEWS]
    blogs = [
        row
        for row in rows(data, "openblogs_articles")
        if row["title"] and row["text"] and unseen(row)
    ][:BLOGS]
    bbc = rows(data, "bbc_articles")
    vectors = {id(one): encode([row["text"] for row in one]) for one in (blogs, bbc, news)}
    topics = [topic_precision(vectors[id(one)], one) for one in (blogs, bbc, news)]
    titles = [
        float(reciprocal_ranks(encode([row["title"] for row in one]) @ vectors[id(one)].T).mean())
        for one in (blogs, news)
    ]
    return topics + titles


def unseen(row: dict[str, Any]) -> bool:
    """Tell whether a blog article was kept from the pretrained encoder, as its model card says."""
    return hashlib.sha256(row["id"].encode()).digest()[0] % 2 == 0


def topic_precision(vectors: np.ndarray, articles: Rows) -> float:
    """Return P@10 among the articles that have a category."""
    kept = [n for n, row in enumerate(articles) if row.get("category")]
    found = vectors[kept]
    labels = [articles[n]["category"] for n in kept]
    return float(precisions(found @ found.T, same(labels, len(labels)), K).mean())


def speed(data: Path) -> None:
    """Print articles/s in bulk, with and without tokenizing, as a share of the sgemm limit and beside the teacher."""
    articles = [row["text"] for row in rows(data, "news_articles")]
    sets = {
        "80 tokens": [" ".join(text.split()[:62]) for text in articles[:6_000]],
        "news, up to 2,500 characters": articles[:2_000],
    }
    transformer = sentence_transformer()
    print(
        f"\n{cores()} processes of one thread; the limit is what sgemm of the same sizes reaches in as many processes"
    )
    print(
        "\n| texts | articles/s | tokens/s | share of limit | without tokenizing | sentence-transformers | ratio |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, texts in sets.items():
        print(f"| {name} | {speed_row(texts, transformer)} |", flush=True)


def speed_row(texts: list[str], transformer: Encode | None) -> str:
    """Measure one set of texts."""
    parts = [texts[n :: cores()] for n in range(cores())]
    limit = together(SGEMM, [[]] * cores())
    whole, bare = together(BULK, parts), together(BARE, parts)
    flops = together(FLOPS, parts)
    work, tokens = (
        sum(float(line.split()[0]) for line in flops),
        sum(float(line.split()[1]) for line in flops),
    )
    most = sum(map(float, limit))
    seconds, bare_seconds = max(map(float, whole)), max(map(float, bare))
    shares = [work / spent / most for spent in (seconds, bare_seconds)]
    cells = [
        f"{len(texts) / seconds:.0f}",
        f"{tokens / seconds:.0f}",
        f"{shares[0]:.2f}",
        f"{shares[1]:.2f}",
    ]
    if transformer:
        few = texts[:200]
        transformer(few[:32])
        started = time.monotonic()
        transformer(few)
        rate = len(few) / (time.monotonic() - started)
        cells += [f"{rate:.1f}", f"{len(texts) / seconds / rate:.1f}"]
    else:
        cells += ["needs the extra teacher", ""]
    return " | ".join(cells)


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
BARE = OPEN + (
    "windows = encoder._windows_of(texts)[0]; t = time.monotonic()\nencoder.run(windows); print(time.monotonic() - t)"
)
FLOPS = (
    OPEN
    + (
        "n = encoder.runtime.network; h, d = n['hidden'], n['dim']\n"
        "tokens = sum(map(len, encoder._windows_of(texts)[0]))\n"
        "print(tokens * 2 * 2 * 3 * h * (h + d), tokens)"  # two directions, three gates, a product and a sum
    )
)
# The best of two libraries, since either alone may be below what the recurrent operator reaches.
SGEMM = """
import time, numpy as np, onnxruntime
from onnx import TensorProto as T, helper as h
a, b = np.ones((2048, 512), np.float32), np.ones((512, 768), np.float32)
info = [h.make_tensor_value_info(name, T.FLOAT, shape) for name, shape in (("a", a.shape), ("b", b.shape), ("c", None))]
graph = h.make_graph([h.make_node("MatMul", ["a", "b"], ["c"])], "g", info[:2], info[2:])
model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8).SerializeToString()
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
    """Run the code in one process of one thread for each part, at the same time, and return what each prints."""
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
        "from simrec.encoder.default_encoder import PRETRAINED as p; from simrec.encoder.runtime import Encoder as E; "
        "E(p).encode(['a'])"
    )
    transformer = (
        "from sentence_transformers import SentenceTransformer as S\n"
        "from simrec.training.teacher import packaged as p; "
        "S(str(p()), device='cpu').encode(['a'])"
    )
    print("\n| one text, cold process | CPU seconds, median of 7 |\n|---|---|")
    print(
        f"| simrec | {np.median([cpu_seconds([sys.executable, '-c', code]) for _ in range(7)]):.2f} |"
    )
    if sentence_transformer():
        spent = np.median([cpu_seconds([sys.executable, "-c", transformer]) for _ in range(3)])
        print(f"| sentence-transformers | {spent:.2f} |")


def memory(_: Path) -> None:
    """Print the peak memory of `simrec embed` on a million short texts, the largest of its processes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "short.jsonl").open("w") as file:
            for number in range(SHORT_TEXTS):
                file.write(
                    json.dumps(
                        {
                            "id": str(number),
                            "text": f"short text number {number} about {number % 977}",
                        }
                    )
                    + "\n"
                )
        simrec = [sys.executable, "-m", "simrec"]
        subprocess.run(
            [*simrec, "ingest", str(folder / "short.jsonl"), "-w", str(folder / "ws")],
            check=True,
            cwd=ROOT,
        )
        subprocess.run([*simrec, "embed", "-w", str(folder / "ws")], check=True, cwd=ROOT)
        run = json.loads((folder / "ws" / "journal.jsonl").read_text().splitlines()[-1])
    step = run["steps"][-1]
    print(
        f"\n{SHORT_TEXTS:,} short texts: peak {step['peak_mib']:,} MiB, {SHORT_TEXTS / step['seconds']:.0f} texts/s"
    )


def sick(data: Path) -> None:
    """Fine-tune the pretrained encoder on SICK train through `simrec train`; print Pearson on SICK dev."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, dev = rows(data, "sick_train"), rows(data, "sick_dev")
        (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, train)))
        texts = sorted({row[side] for row in train for side in "ab"})
        (folder / "articles.jsonl").write_text(
            "\n".join(json.dumps({"id": t, "text": t}) for t in texts)
        )
        (folder / "sick.toml").write_text(SICK)
        simrec = [sys.executable, "-m", "simrec"]
        options = ["-w", str(folder / "ws"), "-c", str(folder / "sick.toml")]
        subprocess.run([*simrec, "ingest", *options], check=True, cwd=ROOT)
        subprocess.run([*simrec, "train", *options], check=True, cwd=ROOT)
        encoders = folder / "ws" / "encoders"
        tuned = encoders / str(newest(encoders))
        print("\n| SICK dev | Pearson |\n|---|---|")
        for what, path in {"pretrained": PRETRAINED, "fine-tuned on SICK train": tuned}.items():
            encode = Encoder(path).encode
            cosines = (encode([row["a"] for row in dev]) * encode([row["b"] for row in dev])).sum(
                axis=1
            )
            print(f"| {what} | {np.corrcoef(cosines, [row['score'] for row in dev])[0, 1]:.4f} |")


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
            f"\nwithout sentence-transformers ({error.name} is missing): pip install 'simrec[teacher]'"
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
