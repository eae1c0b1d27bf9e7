"""The library as programs use it: what it answers, beside the command line and the tables."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import simrec
from simrec import release
from simrec.workspace import Workspace
from tests.conftest import CONFIG, House, environment, run, speeches

SEED = "1861-Lincoln-1/13"
TEXT = speeches()[40]["text"]
THREADS = 10
PUBLISHED = 12  # times, while threads ask
WORDS = CONFIG.replace("lexical_weight = 0", "lexical_weight = 0.3")


@dataclass
class TwoReleases:
    """A house with two releases, the older one current, and copies of both folders."""

    house: House
    older: str
    newer: str
    copies: Path

    @property
    def workspace(self) -> Workspace:
        return Workspace.open(self.house.workspace)

    def publish_alone(self, release_id: str) -> None:
        """Publish a release as a night does, and prune every other one."""
        workspace = self.workspace
        if not workspace.release(release_id).exists():
            shutil.copytree(self.copies / release_id, workspace.staged_release(release_id).path)
        release.publish(workspace, release_id)
        release.prune(workspace, keep=0)
        assert [path.name for path in workspace.releases.iterdir()] == [release_id]


@pytest.fixture(scope="module")
def built(published: House, tmp_path_factory: pytest.TempPathFactory) -> TwoReleases:
    """Two releases whose words have a share in scores; of the second, articles are new and gone."""
    folder = tmp_path_factory.mktemp("face")
    shutil.copytree(published.folder, folder / "house")
    house = House(folder / "house")
    (house.folder / "config.toml").write_text(f"{WORDS}[ingest]\nsync = true\n")
    assert house.job().code == 0
    older = house.current
    new = [{**article, "id": f"again/{article['id']}"} for article in speeches()[::9]]
    house.write_articles([*house.articles[5:], *new])
    assert house.job().code == 0
    newer = house.current
    releases = house.workspace / "releases"
    for release_id in (older, newer):
        shutil.copytree(releases / release_id, folder / "copies" / release_id)
    return TwoReleases(house, older, newer, folder / "copies")


@pytest.fixture
def two(built: TwoReleases, tmp_path: Path) -> TwoReleases:
    """A copy, to be changed; the older release is current, and the newer one is not there."""
    shutil.copytree(built.house.folder, tmp_path / "house")
    copied = TwoReleases(House(tmp_path / "house"), built.older, built.newer, built.copies)
    copied.publish_alone(copied.older)
    return copied


Ask = Callable[[simrec.Recommender], list[Any]]

# Of every kind of query, how it is asked from Python and on the command line.
QUESTIONS: dict[str, tuple[Ask, list[str]]] = {
    "an article": (lambda r: r.similar(SEED), ["similar", SEED]),
    "beyond the table": (lambda r: r.similar(SEED, n=30), ["similar", SEED, "-n", "30"]),
    "several": (
        lambda r: r.search(
            simrec.Query(ids=[SEED, "1961-Kennedy-1/5"], less_like=["1935-Roosevelt-1/2"])
        ),
        ["similar", SEED, "1961-Kennedy-1/5", "--less-like", "1935-Roosevelt-1/2"],
    ),
    "a text": (lambda r: r.similar_to_text(TEXT), ["similar", "--text", TEXT]),
    "filtered": (
        lambda r: r.similar_to_text(
            TEXT, filters=simrec.Filters(since="1900", category="Republican")
        ),
        ["similar", "--text", TEXT, "--since", "1900", "--category", "Republican"],
    ),
    "without rules": (
        lambda r: r.search(simrec.Query(ids=SEED), rules=False),
        ["similar", SEED, "--no-rules"],
    ),
    "followers": (
        lambda r: r.search(simrec.Query(account="Abraham Lincoln"), n=5),
        ["similar", "--account", "Abraham Lincoln", "-n", "5"],
    ),
    "explained": (
        lambda r: r.search(simrec.Query(text=TEXT), n=3, explain=True),
        ["similar", "--text", TEXT, "-n", "3", "--explain"],
    ),
    "accounts": (
        lambda r: r.accounts("Abraham Lincoln"),
        ["accounts", "Abraham Lincoln", "--explain"],
    ),
    "accounts on a text": (
        lambda r: r.accounts_writing_about(TEXT, n=4),
        ["accounts", "--text", TEXT, "-n", "4", "--explain"],
    ),
    "largest accounts": (lambda r: r.largest_accounts(n=3), ["accounts", "-n", "3"]),
    "one article": (lambda r: [r.show(SEED)], ["show", SEED]),
}
OF_ARTICLES_AS_THEY_ARE = ("explained",)  # passages are of texts as they are now, not as released


def test_what_an_account_published_is_left_out_of_the_search_or_looked_past(
    published: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = simrec.Query(account="Abraham Lincoln")
    filters = (
        simrec.Filters(),
        simrec.Filters(since="1900"),
        simrec.Filters(account="James Monroe"),
    )
    with simrec.open(published.workspace) as recommender:
        looked_past = [recommender.search(query, 10, few, rules=False) for few in filters]
        monkeypatch.setattr("simrec.recommend.search.MANY_EXCLUDED", 0)
        left_out = [recommender.search(query, 10, few, rules=False) for few in filters]
    assert left_out == looked_past
    assert [len(hits) for hits in left_out] == [10, 10, 10]
    assert "Abraham Lincoln" not in {hit.account for hit in left_out[0]}


def as_rows(answer: list[Any]) -> list[dict[str, Any]]:
    """An answer as the command line prints it."""
    return [json.loads(json.dumps(hit.as_dict())) for hit in answer]


@pytest.fixture(scope="module")
def told(built: TwoReleases) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """What the command line answers to every question, from each of the two releases."""
    answers = {}
    for release_id in (built.newer, built.older):
        assert built.house.simrec("rollback", release_id).code == 0
        answers[release_id] = {
            name: built.house.simrec(*arguments, "--json").rows
            for name, (_, arguments) in QUESTIONS.items()
        }
    return answers


def test_importing_it_is_light_and_every_public_name_is_there(built: TwoReleases) -> None:
    code = f"""
import sys, simrec
from simrec import *
loaded = [name for name in simrec.__all__ if getattr(simrec, name) is not None]
assert loaded == simrec.__all__ and set(loaded) <= set(dir(simrec))
with simrec.open({str(built.house.workspace)!r}) as recommender:
    recommender.similar({SEED!r}), recommender.show({SEED!r}), recommender.largest_accounts()
print(sorted({{"numpy", "onnxruntime", "faiss", "tokenizers", "click"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment()
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
    assert (Path(simrec.__file__).parent / "py.typed").exists()
    with pytest.raises(AttributeError, match="no attribute 'Recomender'"):
        simrec.Recomender  # noqa: B018


@pytest.mark.parametrize("reload", [True, False])
def test_ten_threads_get_the_answers_of_the_command_line(
    built: TwoReleases, told: dict[str, dict[str, list[dict[str, Any]]]], reload: bool
) -> None:
    expected = told[built.older]
    start = threading.Barrier(THREADS)

    def ask(recommender: simrec.Recommender, thread: int) -> None:
        names = list(QUESTIONS)
        start.wait()
        for name in names[thread:] + names[:thread]:
            assert as_rows(QUESTIONS[name][0](recommender)) == expected[name], name

    with simrec.open(built.house.workspace, reload) as recommender:
        assert recommender.release_id == built.older
        with ThreadPoolExecutor(THREADS) as pool:
            for asked in [pool.submit(ask, recommender, thread) for thread in range(THREADS)]:
                asked.result()


def test_a_search_has_the_scores_of_the_table_to_the_last_digit(built: TwoReleases) -> None:
    with simrec.open(built.house.workspace) as recommender:
        for article in speeches()[7:300:5]:
            listed = recommender.similar(article["id"])
            searched = recommender.search(simrec.Query(ids=article["id"]), rules=False)
            assert [(hit.id, hit.score, hit.score_rank) for hit in searched] == [
                (hit.id, hit.score, hit.score_rank) for hit in listed
            ]


def test_threads_are_answered_by_one_whole_release_while_others_are_published_and_pruned(
    two: TwoReleases, told: dict[str, dict[str, list[dict[str, Any]]]]
) -> None:
    """Every answer is that of one of the two releases, and both answer."""
    names = [name for name in QUESTIONS if name not in OF_ARTICLES_AS_THEY_ARE]
    enough = threading.Event()

    def ask(recommender: simrec.Recommender, thread: int) -> set[str]:
        seen = set()
        turn = thread
        while not enough.is_set() or turn < thread + len(names):
            name = names[turn % len(names)]
            answer = as_rows(QUESTIONS[name][0](recommender))
            of_releases = [one for one in told if told[one][name] == answer]
            assert of_releases, f"{name}: an answer of neither release"
            if len(of_releases) == 1:
                seen.add(of_releases[0])
            turn += 1
        return seen

    with simrec.open(two.house.workspace) as recommender, ThreadPoolExecutor(THREADS) as pool:
        asked = [pool.submit(ask, recommender, thread) for thread in range(THREADS)]
        try:
            for turn in range(PUBLISHED):
                two.publish_alone([two.newer, two.older][turn % 2])
        finally:
            enough.set()
        assert set().union(*(one.result() for one in asked)) == {two.older, two.newer}


@pytest.mark.parametrize("reload", [True, False])
def test_with_reload_the_next_answer_is_of_the_new_release_and_without_of_the_old_one(
    two: TwoReleases, told: dict[str, dict[str, list[dict[str, Any]]]], reload: bool
) -> None:
    names = [name for name in QUESTIONS if name not in OF_ARTICLES_AS_THEY_ARE]
    with simrec.open(two.house.workspace, reload) as recommender:
        assert recommender.release_id == two.older
        for current in (two.newer, two.older):
            two.publish_alone(current)
            expected = current if reload else two.older
            assert recommender.release_id == expected
            for name in names:
                assert as_rows(QUESTIONS[name][0](recommender)) == told[expected][name], name


class Interrupted(str):
    """A text during whose cleaning something happens, once."""

    happens: Callable[[], object] | None = None

    def encode(self, *arguments: str) -> bytes:
        happens, self.happens = self.happens, None
        if happens:
            happens()
        return super().encode(*arguments)


def test_a_release_that_is_pruned_before_it_is_open_whole_is_left_for_the_next(
    two: TwoReleases, told: dict[str, dict[str, list[dict[str, Any]]]]
) -> None:
    text = Interrupted(TEXT)
    text.happens = lambda: two.publish_alone(two.newer)
    with simrec.open(two.house.workspace) as recommender:
        assert as_rows(recommender.similar_to_text(text)) == told[two.newer]["a text"]
    assert text.happens is None


def test_closed_it_answers_no_more_and_what_is_asked_before_is_answered(
    built: TwoReleases, told: dict[str, dict[str, list[dict[str, Any]]]]
) -> None:
    recommender = simrec.open(built.house.workspace)
    text = Interrupted(TEXT)
    text.happens = recommender.close
    assert as_rows(recommender.similar_to_text(text)) == told[built.older]["a text"]
    recommender.close()
    for ask, _ in QUESTIONS.values():
        with pytest.raises(simrec.UsageError, match="is closed; open another with simrec.open"):
            ask(recommender)
    with pytest.raises(simrec.UsageError, match="is closed"):
        _ = recommender.release_id


def files_in(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in sorted(folder.rglob("*")):
        facts = path.stat()
        yield str(path), facts.st_size, facts.st_mtime_ns


def test_nothing_is_written_and_a_writer_is_not_in_the_way(two: TwoReleases) -> None:
    before = list(files_in(two.house.workspace))
    with two.workspace.lock(), simrec.open(two.house.workspace) as recommender:
        recommender.similar(SEED)
        recommender.similar_to_text(TEXT)
        recommender.accounts_writing_about(TEXT)
    changed = set(before) ^ set(files_in(two.house.workspace))
    assert {Path(path).name for path, _, _ in changed} <= {"LOCK", "workspace"}


@pytest.mark.parametrize("reload", [True, False])
def test_without_a_workspace_or_a_release_the_error_says_what_to_do(
    tmp_path: Path, reload: bool
) -> None:
    with pytest.raises(simrec.ReleaseError, match="no workspace here; simrec ingest creates one"):
        simrec.open(tmp_path / "nowhere", reload)
    Workspace.create(tmp_path / "workspace")
    with pytest.raises(simrec.ReleaseError, match="no release is published yet; run the nightly"):
        simrec.open(tmp_path / "workspace", reload)


def test_a_release_that_is_gone_is_an_error_until_there_is_one_again(
    two: TwoReleases, told: dict[str, dict[str, list[dict[str, Any]]]]
) -> None:
    with simrec.open(two.house.workspace) as recommender:
        two.workspace.current.unlink()
        with pytest.raises(simrec.ReleaseError, match="no release is published yet"):
            recommender.similar(SEED)
        two.publish_alone(two.newer)
        assert as_rows(recommender.similar(SEED)) == told[two.newer]["an article"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({}, "this one has none"),
        ({"ids": []}, "this one has none"),
        ({"ids": ["a"], "text": "b"}, "this one has ids and text"),
        ({"text": "", "account": "a"}, "this one has text and account"),
        ({"history": [], "ids": "a"}, "this one has ids and history"),
        ({"text": "a", "less_like": ["b"]}, "less_like goes with ids; this query has text"),
    ],
)
def test_a_query_has_one_kind_of_seed(query: dict[str, Any], says: str) -> None:
    with pytest.raises(simrec.UsageError, match=says):
        simrec.Query(**query)


def test_one_id_needs_no_list_and_queries_are_values() -> None:
    assert simrec.Query(ids="ab") == simrec.Query(ids=["ab"])
    assert hash(simrec.Query(history=["a", "b"])) == hash(simrec.Query(history=("a", "b")))
    assert simrec.Filters(among=["a", "a"]) == simrec.Filters(among={"a"})
    assert not simrec.Filters() and simrec.Filters(among=[])


@pytest.mark.parametrize(
    ("ask", "kind", "says"),
    [
        (lambda r: r.similar("1861-Lincon-1/13"), simrec.UnknownIdError, "no article"),
        (lambda r: r.accounts("Abraham Lincon"), simrec.UnknownIdError, "'Abraham Lincoln'"),
        (lambda r: r.show(""), simrec.UnknownIdError, "no article ''"),
        (lambda r: r.similar_to_text(" \n"), simrec.UsageError, "the text is empty"),
        (lambda r: r.similar_to_text("\ud800"), simrec.UsageError, "not valid UTF-8"),
        (lambda r: r.similar(SEED, n=0), simrec.UsageError, "n is 0"),
        (lambda r: r.accounts("Abraham Lincoln", n=-1), simrec.UsageError, "n is -1"),
        (lambda r: r.search(simrec.Query(history=[])), simrec.UnknownIdError, "the 0 articles"),
    ],
)
def test_what_cannot_be_answered_is_an_error_of_its_kind(
    built: TwoReleases, ask: Ask, kind: type[simrec.SimrecError], says: str
) -> None:
    with simrec.open(built.house.workspace) as recommender:
        with pytest.raises(kind, match=says):
            ask(recommender)
        assert recommender.similar(SEED), "an error costs one answer"


def test_the_documentation_is_true(published: House) -> None:
    """Its examples run beside a folder `workspace`."""
    page = Path(__file__).parent.parent / "docs" / "python.md"
    code = f"""
import doctest, os, sys
os.chdir({str(published.folder)!r})
failed, tried = doctest.testfile({str(page)!r}, module_relative=False)
print(tried)
sys.exit(failed > 0)
"""
    done = run("-c", code)
    assert (done.code, int(done.out.split()[-1]) > 15) == (0, True), done.out
