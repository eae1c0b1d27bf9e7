"""The command by which people judge lists, pair by pair or side by side, without knowing whose."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from textwrap import shorten

import click

from simrec import files
from simrec.cli import terminal
from simrec.cli.options import FILE, workspace_option
from simrec.errors import ReleaseError, UnknownIdError, UsageError
from simrec.evaluate import judging
from simrec.evaluate.judgement_files import (
    append_grade,
    append_preference,
    read_grades,
    read_preferences,
)
from simrec.evaluate.judging import JudgedSystem, PooledPair, SideBySide
from simrec.evaluate.sentences import counted
from simrec.recommend.hits import ArticleDetails
from simrec.recommend.query import Query
from simrec.recommend.recommender import Recommender
from simrec.recommend.table_reader import TableReader
from simrec.recommend.tables.sqlite import read_ids
from simrec.release import Release, published
from simrec.workspace import Workspace

WITHOUT_RULES = "without-rules"
PAIRS = "pairs"
SIDES = "sides"
POOL = "pool"
GRADES = ("0", "1", "2", "3")
HELP = "0 not related, 1 a little, 2 related, 3 just what should stand here; s skips, q ends"
SIDES_HELP = "l the left list is better, r the right one, = neither; s skips, q ends"
CHOICES = {"l": "left", "r": "right", "=": ""}
LEAD_CHARS = 240


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("-n", type=click.IntRange(1), default=20, help="How many articles. [20]")
@click.option(
    "--against",
    metavar="RELEASE",
    default="",
    help="Judge the lists of this one too; `without-rules` is the current one by score alone.",
)
@click.option("--pairs", "mode", flag_value=PAIRS, default=True, help="Ask pair by pair.")
@click.option("--sides", "mode", flag_value=SIDES, help="Ask which of two lists is better.")
@click.option("--pool", "mode", flag_value=POOL, help="Ask nothing: write what others may judge.")
@click.option(
    "-o",
    "--output",
    type=FILE,
    default=None,
    help="The file of judgements: CSV, or TREC (*.qrels). [judgements.csv, preferences.csv]",
)
@workspace_option
def judge(
    ids: tuple[str, ...],
    n: int,
    against: str,
    mode: str,
    output: Path | None,
    workspace: Path,
) -> None:
    """Judge what is recommended for articles ID, or for some at random, without knowing by whom.

    Answers are added to the file, which `simrec evaluate --judgements` reads; what it holds is not
    asked again.
    """
    if mode == SIDES and not against:
        raise click.UsageError("--sides needs --against RELEASE, or --against without-rules")
    target = output or Path("preferences.csv" if mode == SIDES else "judgements.csv")
    with ExitStack() as stack:
        desk = _Desk(Workspace.open(workspace), stack, against)
        if mode == SIDES:
            _judge_sides(desk, desk.topics(ids, n, _judged_topics(target)), target)
        elif mode == POOL:
            _write_pool(desk, judging.pool(desk.topics(ids, n), desk.systems), target)
        else:
            _judge_pairs(desk, desk.topics(ids, n), target)


class _Desk:
    """What a judge needs: the systems, and what is known of each article."""

    def __init__(self, workspace: Workspace, stack: ExitStack, against: str) -> None:
        releases = [Release.current(workspace)]
        if against and against != WITHOUT_RULES:
            releases.append(_find_release(workspace, against))
        self._ids = read_ids(releases[0].folder)
        self._tables = []
        self.systems = []
        for release in releases:
            tables = stack.enter_context(closing(TableReader(release.folder)))
            self._tables.append(tables)
            name = release.manifest.release_id
            self.systems.append(judging.published_lists(name, tables))
        if against == WITHOUT_RULES:
            recommender = stack.enter_context(Recommender.open(workspace.root, reload=False))
            self.systems.append(_by_score_alone(recommender))

    def topics(self, ids: Sequence[str], n: int, judged: Sequence[str] = ()) -> list[str]:
        """Return the articles that are asked about, by default n at random."""
        for article in ids:
            self._tables[0].article_row(article)
        return list(ids) or judging.draw_topics(self._ids, n, judged)

    def article(self, article_id: str) -> ArticleDetails:
        """Return what the current release knows of an article, or else the other one."""
        for tables in self._tables:
            row = tables.find_article(article_id)
            if row is not None:
                return tables.details(row)
        raise UnknownIdError(f"no article '{article_id}' in these releases")

    def describe(self, article_id: str) -> tuple[str, str]:
        """Return title and address of an article."""
        article = self.article(article_id)
        return article.title or article.lead[:80], article.url or ""

    def show(self, article_id: str, mark: str) -> None:
        """Print title, account, date and the beginning of an article."""
        article = self.article(article_id)
        date = (article.published_at or "")[:10]
        by_line = ", ".join(filter(None, (article.account, date)))
        click.echo(terminal.escape_control(f"{mark} {article.title or article.lead[:80]}"))
        if by_line:
            click.echo(terminal.escape_control(f"   {by_line}"))
        lead = shorten(article.lead, LEAD_CHARS, placeholder=" …")
        click.echo(terminal.escape_control(f"   {lead}"))


def _find_release(workspace: Workspace, release_id: str) -> Release:
    for release in published(workspace):
        if release.manifest.release_id == release_id:
            return Release.open(release.folder)
    raise ReleaseError(f"no release '{release_id}'; simrec releases lists them")


def _by_score_alone(recommender: Recommender) -> JudgedSystem:
    def list_of(article: str) -> list[str]:
        hits = recommender.search(Query(ids=[article]), judging.DEPTH, rules=False)
        return [hit.id for hit in hits]

    return JudgedSystem(WITHOUT_RULES, list_of)


def _write_pool(desk: _Desk, pairs: Sequence[PooledPair], target: Path) -> None:
    """Write a pool, unless the file is there: it may hold somebody's judgements."""
    if target.exists():
        raise UsageError(f"{target}: exists already; name another file with --output")
    is_csv = target.suffix == ".csv"
    text = judging.csv_pool(pairs, desk.describe) if is_csv else judging.trec_pool(pairs)
    files.write(target, text.encode())
    click.echo(f"{counted(len(pairs), 'pair')} of articles to judge are in {target}")


def _judge_pairs(desk: _Desk, topics: Sequence[str], target: Path) -> None:
    grades = read_grades(target) if target.exists() else {}
    pairs = judging.unjudged(judging.pool(topics, desk.systems), grades)
    click.echo(f"{counted(len(pairs), 'pair')} to judge: {HELP}")
    done = 0
    shown = ""
    for topic, article in pairs:
        if topic != shown:
            click.echo("")
            desk.show(topic, "==")
            shown = topic
        desk.show(article, "--")
        answer = _ask([*GRADES, "s", "q"])
        if answer == "q":
            break
        if answer != "s":
            append_grade(target, topic, article, int(answer))
            done += 1
    _tell(done, target)


def _judged_topics(target: Path) -> list[str]:
    if not target.exists():
        return []
    return [preference.topic for preference in read_preferences(target)]


def _judge_sides(desk: _Desk, topics: Sequence[str], target: Path) -> None:
    sides = judging.side_by_side(topics, *desk.systems)
    click.echo(f"{counted(len(sides), 'article')} whose lists differ: {SIDES_HELP}")
    done = 0
    for side in sides:
        click.echo("")
        desk.show(side.topic, "==")
        _show_sides(side, desk.describe)
        answer = _ask([*CHOICES, "s", "q"])
        if answer == "q":
            break
        if answer != "s":
            append_preference(target, side.preference(CHOICES[answer]))
            done += 1
    _tell(done, target)


def _show_sides(side: SideBySide, describe: Callable[[str], tuple[str, str]]) -> None:
    """Print both lists; a star marks what the other one does not hold."""
    left = side.left.list_of(side.topic)
    right = side.right.list_of(side.topic)
    for name, listed, other in (("left", left, right), ("right", right, left)):
        click.echo(f" {name}")
        for rank, article in enumerate(listed, start=1):
            title, _ = describe(article)
            star = " " if article in other else "*"
            click.echo(terminal.escape_control(f" {star} {rank:2} {title}"))


def _ask(answers: Sequence[str]) -> str:
    """Return one of the answers; the end of the input ends the judging."""
    try:
        answer: str = click.prompt("  ", type=click.Choice(answers), show_choices=True)
    except click.Abort:
        return "q"
    return answer


def _tell(done: int, target: Path) -> None:
    went = counted(done, "judgement")
    click.echo(f"{went} went to {target}; simrec evaluate --judgements {target} reads them")
