"""Benchmark of products: `python -m tests.benchmarks.products [LISTS]`.

LISTS is a folder of apt's package lists, /var/lib/apt/lists by default: on any Debian machine, after
`apt-get update -o Acquire::Languages=en`. A product is a package: its name and short description are the
title, its long description the text, its section the category, its maintainer the account. Nightly steps
make a release of a sample of them, and its published lists are judged beside baselines that rank all
packages of the sample: by links that people made (Recommends, Suggests and Enhances between packages of
different sources, either way), and by section. The sample are packages in the order of a hash of their
names, each with all that it is linked with, PRODUCTS in all; the first QUERIES of those with links ask.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simrec import release
from simrec.config import Config, EvaluateConfig, SourceConfig
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.evaluate import baselines
from simrec.evaluate.bm25 import bm25
from simrec.evaluate.scorers import Scorer, Text, encoder_scorer
from simrec.evaluate.tfidf_baseline import TfIdfBaseline
from simrec.steps.night import Night
from simrec.workspace import Workspace
from tests.benchmarks.encoder import cores
from tests.benchmarks.machine import print_machine
from tests.benchmarks.reasons import STEPS

LISTS = Path("/var/lib/apt/lists")
READER = "/usr/lib/apt/apt-helper"  # reads lists however they are compressed
PRODUCTS = 6_000
QUERIES = 600
PLACES = 10
LINKS = ("Recommends", "Suggests", "Enhances")
NAME = re.compile(r"^\s*([a-z0-9][a-z0-9+.-]+)")
Ranking = Callable[[list[int]], NDArray[np.int64]]


@dataclass
class Product:
    """A package, and the names of those that it is linked with."""

    name: str
    title: str
    text: str
    section: str
    maintainer: str
    source: str
    links: set[str] = field(default_factory=set)


def main(lists: Path) -> None:
    """Print what the published lists and the baselines find."""
    print_machine("python -m tests.benchmarks.products")
    products = sample(read_products(lists))
    row_of = {product.name: row for row, product in enumerate(products)}
    linked = [{row_of[name] for name in product.links if name in row_of} for product in products]
    queries = [row for row in range(len(products)) if linked[row]][:QUERIES]
    counts = [len(linked[row]) for row in queries]
    print(
        f"\n{len(products):,} packages, {len(queries)} ask; {np.mean(counts):.1f} links of each\n"
    )
    print(f"| | linked, recall@{PLACES} | linked, nDCG@{PLACES} | same section P@{PLACES} |")
    print("|---|---|---|---|")
    sections = np.array([product.section for product in products])
    for name, ranking in rankings(products).items():
        rows = ranking(queries)
        print(f"| {name} | {' | '.join(figures(rows, queries, linked, sections))} |", flush=True)


def read_products(lists: Path) -> dict[str, Product]:
    """Return the packages of apt's lists by name; exit with a sentence where there are none."""
    packages = sorted(lists.glob("*_Packages*"))
    if not packages or not Path(READER).exists():
        sys.exit(f"{lists}: no package lists of apt; on a Debian machine, run apt-get update first")
    descriptions = {}
    for path in sorted(lists.glob("*_Translation-en*")):
        for stanza in stanzas(path):
            descriptions[stanza.get("Description-md5")] = stanza.get("Description-en", "")
    if not descriptions:
        sys.exit(
            f"{lists}: no long descriptions; run apt-get update -o Acquire::Languages=en first"
        )
    products: dict[str, Product] = {}
    for path in packages:
        for stanza in stanzas(path):
            product = parse(stanza, descriptions)
            products.setdefault(product.name, product)
    link_both_ways(products)
    return products


def link_both_ways(products: dict[str, Product]) -> None:
    """Make links go both ways, and drop those to no package or to one of the same source."""
    linked: dict[str, set[str]] = {name: set() for name in products}
    for product in products.values():
        for name in product.links:
            other = products.get(name)
            if other and other.source != product.source:
                linked[product.name].add(name)
                linked[name].add(product.name)
    for product in products.values():
        product.links = linked[product.name]


def stanzas(path: Path) -> Iterator[dict[str, str]]:
    """Yield the stanzas of a list as fields by name; lines that go on are kept with their breaks."""
    content = subprocess.run(
        [READER, "cat-file", str(path)], capture_output=True, check=True
    ).stdout.decode("utf-8", "replace")
    for block in content.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith((" ", "\t")):
                fields[name] += "\n" + line.strip()
            else:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        if fields:
            yield fields


def parse(stanza: dict[str, str], descriptions: dict[str | None, str]) -> Product:
    """Return a package of a stanza, with its links as far as they name one package."""
    name = stanza["Package"]
    whole = descriptions.get(stanza.get("Description-md5"), stanza.get("Description", ""))
    short, _, text = whole.partition("\n")
    links = set()
    for field_name in LINKS:
        for alternatives in stanza.get(field_name, "").split(","):
            match = NAME.match(alternatives)
            if match:
                links.add(match[1])
    return Product(
        name=name,
        title=f"{name}: {short}",
        text=text.replace("\n.\n", "\n\n"),
        section=stanza.get("Section", "").rpartition("/")[2],
        maintainer=stanza.get("Maintainer", "").partition(" <")[0],
        source=stanza.get("Source", name).partition(" ")[0],
        links=links,
    )


def sample(products: dict[str, Product]) -> list[Product]:
    """Return packages in order of the hash of their names, each followed by what it is linked with."""
    sampled: dict[str, Product] = {}
    for name in sorted(products, key=lambda name: hashlib.sha256(name.encode()).digest()):
        for chosen in (name, *sorted(products[name].links)):
            sampled.setdefault(chosen, products[chosen])
        if len(sampled) >= PRODUCTS:
            break
    return list(sampled.values())


def rankings(products: list[Product]) -> dict[str, Ranking]:
    """Return what ranks all packages for each of some rows: the published lists, and baselines."""
    texts = [f"{product.title}\n\n{product.text}" for product in products]
    tfidf = TfIdfBaseline.fit(texts)
    encoder = Encoder(PRETRAINED, threads=cores())
    scorers: dict[str, Scorer] = {
        "encoder alone": encoder_scorer(encoder.encode),
        "TF-IDF": tfidf.scores,
        "BM25": bm25,
        "LSA": baselines.lsa(tfidf, texts),
    }
    found: dict[str, Ranking] = {"published lists": published(products)}
    for name, scorer in scorers.items():
        found[name] = by_score(scorer, [Text(text) for text in texts])
    return found


def by_score(scorer: Scorer, texts: list[Text]) -> Ranking:
    """Return a ranking of all texts by a scorer."""

    def ranking(queries: list[int]) -> NDArray[np.int64]:
        scores = np.array(scorer([texts[row] for row in queries], texts), np.float64)
        scores[np.arange(len(queries)), queries] = -np.inf
        best: NDArray[np.int64] = np.argsort(-scores, axis=1, kind="stable")[:, :PLACES]
        return best

    return ranking


def published(products: list[Product]) -> Ranking:
    """Return the lists of a release of all packages, made by the nightly steps as they are."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "products.jsonl"
        with source.open("w") as lines:
            for product in products:
                record = {
                    "id": product.name,
                    "title": product.title,
                    "text": product.text,
                    "account": product.maintainer,
                    "category": product.section,
                }
                lines.write(json.dumps(record) + "\n")
        config = Config(
            sources=(SourceConfig(path=str(source)),), evaluate=EvaluateConfig(baselines=())
        )
        workspace = Workspace.create(Path(folder) / "workspace")
        with Night(workspace, config) as night:
            for step in STEPS:
                step.run(night)
        with closing(release.Release.current(workspace).folder.open_tables()) as db:
            rows = db.execute("SELECT article, rank, similar FROM similar").fetchall()
    row_of = {product.name: row for row, product in enumerate(products)}
    lists = np.full((len(products), PLACES), -1)
    for name, rank, similar in rows:
        if rank <= PLACES:
            lists[row_of[name], rank - 1] = row_of[similar]
    return lambda queries: lists[queries]


def figures(
    rows: NDArray[np.int64], queries: list[int], linked: list[set[int]], sections: NDArray[np.str_]
) -> list[str]:
    """Return the means over queries of recall and nDCG of what is linked, and of one section."""
    discounts = 1 / np.log2(np.arange(2, PLACES + 2))
    recalls = []
    gains = []
    for query, listed in zip(queries, rows.tolist(), strict=True):
        is_linked = np.array([row in linked[query] for row in listed])
        most = min(PLACES, len(linked[query]))
        recalls.append(is_linked.sum() / most)
        gains.append((is_linked * discounts).sum() / discounts[:most].sum())
    same = (sections[rows] == sections[queries][:, None]) & (rows >= 0)
    return [
        f"{np.mean(recalls):.3f}",
        f"{np.mean(gains):.3f}",
        f"{same.sum() / (rows >= 0).sum():.3f}",
    ]


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]) if len(sys.argv) == 2 else LISTS)
