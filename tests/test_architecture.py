"""The rules of the house, read from the source; a failure says how to mend it."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from simrec import config, config_file, errors, steps
from simrec.cli import MODULES as COMMANDS
from simrec.cli import cli
from simrec.release_folder import ReleaseFolder
from tests.benchmarks.readability import measure
from tests.conftest import ROOT, House, environment

PACKAGE = ROOT / "simrec"
MODULES = sorted(PACKAGE.rglob("*.py"))
GROUND = [
    "errors",
    "config",
    "config_file",
    "files",
    "arrays",
    "journal",
    "last_config",
    "log",
    "workspace",
    "database",
    "database_url",
    "bucket",
    "bucket_url",
    "release_folder",
    "source_formats",
    "page_templates",
    "tasks",
    "metrics",
]
ROOMS = [
    "articles",
    "lexical",
    "encoder",
    "training",
    "index",
    "manifest",
    "release",
    "recommend",
    "sinks",
]
# Where a heavy library may be imported: a folder, or one module.
HEAVY = {
    "tensorflow": ["training/"],
    "keras": ["training/"],
    "torch": ["training/"],
    "sentence_transformers": ["training/"],
    "matplotlib": ["training/"],
    "onnx": ["training/"],
    "onnxruntime": ["encoder/runtime.py"],
    "faiss": ["index/"],
    "distributed": ["tasks/dask.py"],
    "bm25s": ["evaluate/bm25.py"],
    "ir_measures": ["evaluate/ranking_measures.py"],
    "sklearn": ["training/", "evaluate/"],
    "scipy": [
        "training/",
        "evaluate/",
        "recommend/",
        "index/",
        "lexical/fit_vocabulary.py",
        "lexical/phrases.py",
        "lexical/telling.py",
        "lexical/word_sample.py",
    ],
    "jinja2": ["evaluate/", "page_templates.py", "serve/"],
    "starlette": ["serve/"],
    "uvicorn": ["serve/"],
    "pyarrow": [
        "articles/sources/parquet_source.py",
        "training/",
        "evaluate/",
        "recommend/tables/",
        "sinks/",
        "bucket.py",
    ],
    "sqlalchemy": ["articles/sources/sql_source.py", "sinks/", "database.py"],
    "psycopg": ["articles/sources/sql_values.py"],
    "deltalake": ["sinks/delta_sink.py"],
    "obstore": ["sinks/mirror_store.py"],
    "prometheus_client": ["monitor.py", "serve/"],
    "feedparser": ["articles/sources/feed_source.py"],
    "markdown_it": ["articles/bodies.py"],
    "resiliparse": ["articles/"],
    "yaml": ["articles/sources/front_matter.py", "sinks/front_matter_edit.py"],
}


def imports(path: Path, top_only: bool = False) -> Iterator[str]:
    """Yield the full names that a module imports, without those for type checkers only."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module: str) -> str:
    return module.split(".")[1] if module.startswith("simrec.") else ""


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_rooms_import_only_rooms_before_them(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = {*GROUND, own}
    if own in ROOMS:
        allowed |= {*ROOMS[: ROOMS.index(own)]}
    elif own == "evaluate":
        allowed |= {*ROOMS}
    elif own not in GROUND:
        return  # steps, status, runner, cli: above all rooms
    wrong = {room(module) for module in imports(path)} - allowed - {"", "__version__"}
    assert not wrong, (
        f"{name(path)} imports {wrong}: the order is {' <- '.join(ROOMS)}; move the code, or pass a value"
    )


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_heavy_libraries_stay_in_their_rooms(path: Path) -> None:
    for library in {module.split(".")[0] for module in imports(path)} & HEAVY.keys():
        rooms = tuple(HEAVY[library])
        assert name(path).startswith(rooms), (
            f"{name(path)} imports {library}, which belongs to {rooms}"
        )


@pytest.mark.parametrize("step", ["embed_articles", "index_articles", "recommend_articles"])
def test_what_chooses_a_parameter_does_not_live_in_evaluate(step: str) -> None:
    rooms = {room(module) for module in imports(PACKAGE / "steps" / f"{step}.py")}
    assert "evaluate" not in rooms, f"steps/{step}.py: move the choice to a room that it belongs to"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_are_short_enough_to_read(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            most = 30 if name(path).startswith("cli/") else 50
            assert length <= most, (
                f"{name(path)}: {node.name} has {length} lines; name a part of it"
            )


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_lines_have_at_most_100_columns(path: Path) -> None:
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        assert len(line) <= 100, f"{name(path)}, line {number}: {len(line)} columns"


def test_lines_and_functions_hold_few_tokens() -> None:
    figures = measure(PACKAGE)
    for tokens, module, function in figures.functions:
        assert tokens <= 300, f"{module}: {function} has {tokens} tokens; name a part of it"
    assert figures.function_quantile(0.9) <= 150
    assert figures.tokens_per_line <= 8.7, "put one thing on a line"


def test_class_and_module_names_occur_once() -> None:
    figures = measure(PACKAGE)
    for kind, names in (("class", figures.classes), ("module", figures.modules)):
        for defined, modules in names.items():
            assert len(modules) == 1, f"the {kind} {defined} is in {modules}; rename all but one"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_files_writes(path: Path) -> None:
    if path.name == "files.py":
        return
    writing = r"\.(?:write_text|write_bytes|rename|unlink|rmdir)\(|shutil\.rm|shutil\.move|os\.(?:replace|rename)"
    found = re.findall(writing, path.read_text())
    assert not found, f"{name(path)}: {found}: writing, renaming and removing belong to files.py"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_the_release_folder_names_the_files_of_a_release(path: Path) -> None:
    if path.name == "release_folder.py":
        return
    names = {value.name for value in vars(ReleaseFolder(Path())).values()} - {""}
    if name(path).startswith("encoder/"):
        names -= {"manifest.json"}  # an encoder has its own
    constants = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
    ]
    texts = {node.value for node in constants if isinstance(node.value, str)}
    found = {text for text in texts if text in names}
    if not name(path).startswith(("articles/", "source_formats", "training/")):
        found |= {text for text in texts if text.endswith(".parquet")}
    assert not found, f"{name(path)}: {found}: take the path from ReleaseFolder"


@pytest.mark.parametrize("job", sorted((ROOT / "jobs").glob("*.py")), ids=lambda path: path.name)
def test_a_job_is_a_list_of_steps_and_nothing_else(job: Path) -> None:
    tree = ast.parse(job.read_text())
    assert [type(node) for node in tree.body] == [ast.Expr, ast.ImportFrom, ast.Assign, ast.If], (
        f"{job.name}: a job has a docstring, one import, STEPS and runner.main(STEPS); steps belong to simrec/steps.py"
    )


LIGHT = """
import sys
sys.argv = {arguments!r}
from simrec.cli import main
try:
    main()
except SystemExit:
    pass
heavy = {{"tensorflow", "keras", "onnxruntime", "sklearn", "scipy", "faiss", "pyarrow", "numpy", "tokenizers",
         "sqlalchemy"}}
print("HEAVY", sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "question", [["similar", "1790-Washington-1/1"], ["accounts", "Abraham Lincoln"]]
)
def test_a_question_about_a_known_id_imports_nothing_heavy(
    published: House, question: list[str]
) -> None:
    arguments = ["simrec", *question, "-w", str(published.workspace)]
    done = subprocess.run(
        [sys.executable, "-c", LIGHT.format(arguments=arguments)],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert "score" in done.stdout, done.stderr
    assert "HEAVY []" in done.stdout, (
        "open the door to a heavy room inside the function that needs it"
    )


def test_every_command_and_option_has_help_and_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command
        assert command.help, f"simrec {command.name} has no help"
        assert f"simrec {command.name}" in readme, f"simrec {command.name} is not in the README"
        options = (parameter for parameter in command.params if isinstance(parameter, click.Option))
        missing = [option.name for option in options if not option.help]
        assert not missing, f"simrec {command.name}: {missing} have no help"


def test_default_toml_lists_every_key_with_its_default() -> None:
    listed = tomllib.loads((ROOT / "configs" / "default.toml").read_text())
    actual = json.loads(msgspec.json.encode(config.Config()))
    del actual["sources"], actual["sinks"], actual["mirrors"]
    assert listed == actual, "configs/default.toml and simrec/config.py have to say the same"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda path: path.name
)
def test_every_configuration_in_the_box_loads(path: Path) -> None:
    config_file.load(path)


def test_exit_codes_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for kind in errors.SimrecError.__subclasses__():
        assert f"| {kind.exit_code} |" in readme, (
            f"exit code {kind.exit_code} ({kind.__name__}) is not in the README"
        )


def test_every_make_target_has_help_and_a_recipe() -> None:
    listed = subprocess.run(
        ["make", "--silent", "help"], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout
    targets = {line.split()[1] for line in listed.splitlines()}
    assert targets == {
        "help",
        "setup",
        "demo",
        "test",
        "lint",
        "bench",
        "nightly",
        "retrain",
        "pretrain",
        "housekeeping",
    }
    for target in targets:
        subprocess.run(["make", "--dry-run", target], capture_output=True, cwd=ROOT, check=True)


def test_steps_and_commands_import_at_the_top_of_their_modules() -> None:
    """A step or a command is a module that is loaded when it is used; few doors are needed inside."""
    inner = []
    for path in MODULES:
        if name(path).startswith(("steps/", "cli/")):
            at_top = Counter(imports(path, top_only=True))
            everywhere = Counter(imports(path))
            inner += [f"{name(path)}: {module}" for module in everywhere - at_top]
    typing_only = "simrec.steps.night"
    assert len([entry for entry in inner if not entry.endswith(typing_only)]) <= 20, inner


def test_steps_make_files_of_a_release() -> None:
    folder = ReleaseFolder(Path())
    for verb in steps.__all__:
        step = getattr(steps, verb)
        if isinstance(step, steps.Step) and step.makes:
            assert isinstance(getattr(folder, step.makes), Path), f"{verb} makes no file"
