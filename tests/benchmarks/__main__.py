"""Benchmarks of the main job, as ratios within one run: `make bench`, or `make bench CORPUS=articles.jsonl`.

Prints machine, commit, size and command, then what a question, a night without changes and a night
with one per cent of changes cost, and what the encoder is worth beside TF-IDF on this corpus.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.machine import ROOT, cpu_seconds, print_machine

DEMO = ROOT / "build" / "demo" / "passages.jsonl"
RUNS = 11


def main(corpus: Path) -> None:
    """Build a workspace in a temporary folder, measure it, and print tables."""
    if not corpus.exists():
        sys.exit(
            f"{corpus}: no such corpus; run make demo first, or name one with CORPUS=articles.jsonl"
        )
    lines = corpus.read_text(encoding="utf-8").splitlines()
    print_machine(f"python -m tests.benchmarks {corpus}")
    print(f"{corpus.name}, {len(lines):,} articles")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.toml").write_text('[[sources]]\npath = "articles.jsonl"\n')
        workspace = folder / "workspace"
        (folder / "articles.jsonl").write_text("\n".join(lines))
        job("retrain", folder)
        first = steps(workspace)
        night_cost(folder, lines, first)
        question_cost(workspace, json.loads(lines[0])["id"])
        quality(workspace, folder)


def night_cost(folder: Path, lines: list[str], first: dict[str, float]) -> None:
    """Print CPU seconds of the first night (without training), an unchanged one and one with 1 % changed."""
    job("nightly", folder)
    unchanged = steps(folder / "workspace")
    changed = [
        line if n % 100 else json.dumps(edited(json.loads(line))) for n, line in enumerate(lines)
    ]
    (folder / "articles.jsonl").write_text("\n".join(changed))
    job("nightly", folder)
    one_per_cent = steps(folder / "workspace")
    whole = sum(cost for step, cost in first.items() if step != "train")
    print("\n| CPU seconds | first night | unchanged | 1 % changed |\n|---|---|---|---|")
    for step in first:
        print(
            f"| {step} | {first[step]:.1f} | {unchanged.get(step, 0):.1f} | {one_per_cent.get(step, 0):.1f} |"
        )
    shares = [sum(night.values()) / whole for night in (unchanged, one_per_cent)]
    print(f"| all but train | {whole:.1f} | {shares[0]:.1%} of it | {shares[1]:.1%} of it |")


def edited(article: dict[str, str]) -> dict[str, str]:
    """Return the article with a text that has to be encoded again."""
    return {**article, "text": f"{article['text']} Corrected."}


def question_cost(workspace: Path, article_id: str) -> None:
    """Print the CPU seconds of whole cold processes beside Python's own start."""
    ask = [sys.executable, "-m", "simrec", "similar", "-w", str(workspace)]
    questions = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "simrec similar ID": [*ask, article_id],
        "simrec similar ID --since 1900 (exact search)": [*ask, article_id, "--since", "1900"],
        "simrec similar --text": [*ask, "--text", "the price of wheat"],
        "import faiss, onnxruntime, sklearn": [
            sys.executable,
            "-c",
            "import faiss, onnxruntime, sklearn",
        ],
    }
    print(f"\n| process | CPU seconds, median of {RUNS} |\n|---|---|")
    for name, command in questions.items():
        print(f"| {name} | {statistics.median(cpu_seconds(command) for _ in range(RUNS)):.3f} |")


def quality(workspace: Path, folder: Path) -> None:
    """Print the suites of the last release."""
    command = [
        sys.executable,
        "-m",
        "simrec",
        "evaluate",
        "-w",
        str(workspace),
        "-c",
        str(folder / "config.toml"),
    ]
    out = subprocess.run(
        [*command, "--json"], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout
    print("\n| suite | measure | questions | simrec | TF-IDF |\n|---|---|---|---|---|")
    for row in map(json.loads, out.splitlines()):
        found = row["values"]
        values = (
            f"{found['simrec']:.3f} | {found['TF-IDF']:.3f}"
            if "TF-IDF" in found
            else f"{row.get('skipped', '')} | "
        )
        print(f"| {row['suite']} | {row['measure']} | {row['questions']} | {values} |")


def job(name: str, folder: Path) -> None:
    """Run a job file on the folder's configuration and workspace."""
    script = ROOT / "jobs" / f"{name}.py"
    options = ["-c", str(folder / "config.toml"), "-w", str(folder / "workspace")]
    subprocess.run([sys.executable, str(script), *options], check=True, cwd=ROOT)


def steps(workspace: Path) -> dict[str, float]:
    """Return the CPU seconds of each step of the last run."""
    last = json.loads((workspace / "journal.jsonl").read_text().splitlines()[-1])
    return {step["step"]: step["cpu_seconds"] for step in last["steps"]}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO)
