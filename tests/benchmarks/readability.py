"""How readable the package is, in figures: `python -m tests.benchmarks.readability [FOLDER]`.

Tokens are Python's own, without comments, docstrings, line ends and indentation; a code line holds at
least one of them.
"""

import ast
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT

LAYOUT = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
FIELD_WORDS = [
    "hybrid", "rerank", "dedup", "incremental", "knn", "mmr", "exposure", "qrels", "bootstrap",
    "dataset", "distillation", "corpus",
]  # fmt: skip


@dataclass
class Figures:
    """What was counted; functions are (tokens, module, name), names the modules that define one."""

    lines: int = 0
    tokens: int = 0
    functions: list[tuple[int, str, str]] = field(default_factory=list)
    classes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    modules: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    definitions: set[str] = field(default_factory=set)
    untyped_dicts: int = 0
    inner_imports: int = 0

    @property
    def tokens_per_line(self) -> float:
        return self.tokens / self.lines

    def function_quantile(self, share: float) -> int:
        """Return how many tokens the function at this share of all functions has."""
        sizes = sorted(tokens for tokens, _, _ in self.functions)
        return sizes[min(int(share * len(sizes)), len(sizes) - 1)]


def measure(folder: Path) -> Figures:
    """Count all modules below a folder."""
    figures = Figures()
    for path in sorted(folder.rglob("*.py")):
        _count(path, str(path.relative_to(folder)), figures)
    return figures


def _count(path: Path, name: str, figures: Figures) -> None:
    source = path.read_text()
    tree = ast.parse(source)
    documentation = {line for node in ast.walk(tree) for line in _docstring_lines(node)}
    lines = source.splitlines(keepends=True)
    tokens = [
        token
        for token in tokenize.generate_tokens(iter(lines).__next__)
        if token.type not in LAYOUT and token.start[0] not in documentation
    ]
    figures.tokens += len(tokens)
    figures.lines += len(
        {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    )
    figures.untyped_dicts += source.count("dict[str, Any]")
    figures.modules[path.parent.name if path.stem == "__init__" else path.stem].append(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            figures.classes[node.name].append(name)
            figures.definitions.add(node.name)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            figures.definitions.add(node.name)
            inside = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            size = sum(token.start[0] in inside for token in tokens)
            figures.functions.append((size, name, node.name))
            if name.startswith(("steps/", "cli")):
                imports = (
                    isinstance(inner, ast.Import | ast.ImportFrom) for inner in ast.walk(node)
                )
                figures.inner_imports += sum(imports)


def _docstring_lines(node: ast.AST) -> Iterator[int]:
    if not isinstance(node, DOCUMENTED) or not node.body:
        return
    first = node.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    if is_text and isinstance(first.value.value, str):
        yield from range(first.lineno, (first.end_lineno or first.lineno) + 1)


def main() -> None:
    """Print the figures, and the longest functions."""
    figures = measure(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "simrec")
    names = {*figures.modules, *(name.lower() for name in figures.definitions)}
    found = [word for word in FIELD_WORDS if any(word in name for name in names)]
    print(f"code lines {figures.lines:,}, tokens a line {figures.tokens_per_line:.2f}")
    p90, most = figures.function_quantile(0.9), figures.function_quantile(1)
    print(f"tokens of a function: p90 {p90}, most {most}")
    print(
        f"dict[str, Any] {figures.untyped_dicts}, imports in steps and cli {figures.inner_imports}"
    )
    print(f"field's words found as names: {len(found)} of {len(FIELD_WORDS)}")
    for size, module, name in sorted(figures.functions)[:-11:-1]:
        print(f"{size:5} {module}: {name}")


if __name__ == "__main__":
    main()
