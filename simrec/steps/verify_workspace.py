"""The step that reads the current release, and all that the next one is made from, whole."""

import filecmp
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from simrec import arrays, journal, last_config, release
from simrec.encoder import embedding_cache, model_folder
from simrec.errors import ReleaseError
from simrec.evaluate.stored_tfidf import StoredTfIdf
from simrec.lexical import tfidf
from simrec.lexical.vocabulary import TermVocabulary
from simrec.recommend.score_shares import read_shares
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.workspace import Workspace

Check = Callable[[], object]


def verify(night: Night) -> StepResult:
    """Read everything; ReleaseError names all that is damaged."""
    current = release.Release.current(night.workspace)
    checks: list[Check] = [
        current.verify,
        partial(release.rolled_back, night.workspace),
        partial(_verify_articles, night),
        partial(journal.verify, night.workspace.journal),
        partial(last_config.read, night.workspace),
        *_artifact_checks(night.workspace),
        partial(_verify_page, night.workspace),
    ]
    problems = []
    for check in checks:
        try:
            check()
        except ReleaseError as error:
            problems.append(str(error))
    if problems:
        raise ReleaseError("\n".join(problems))
    released = len(current.manifest.files)
    others = len(checks) - 1
    sentence = (
        f"{current.manifest.release_id}: {released} files are as they were published, "
        f"and {others} beside it whole"
    )
    return StepResult(sentence, released + others, released + others)


def _artifact_checks(workspace: Workspace) -> Iterator[Check]:
    """Yield what reads encoders, shards, word weights, vocabularies and baselines."""
    yield from _for_each(model_folder.verify, workspace.encoders.glob("[!.]*/"))
    yield from _for_each(embedding_cache.verify, workspace.embedding_caches.glob("*/[!.]*.npz"))
    yield from _for_each(_verify_word_weights, workspace.lexicals.glob("[!.]*.npz"))
    yield from _for_each(read_shares, workspace.lexicals.glob("[!.]*.shares.json"))
    yield from _for_each(TermVocabulary.open, workspace.lexicals.glob("[!.]*.words"))
    yield from _for_each(StoredTfIdf.read, workspace.baselines.glob("[!.]*.npz"))


def _for_each(check: Callable[[Path], object], paths: Iterable[Path]) -> Iterator[Check]:
    for path in sorted(paths):
        yield partial(check, path)


def _verify_word_weights(path: Path) -> None:
    """Read the arrays of any format, since older word weights are made anew."""
    arrays.read_npz(path, tfidf.HINT, "facts", "idf")


def _verify_articles(night: Night) -> None:
    with night.open_store() as store:
        store.verify()


def _verify_page(workspace: Workspace) -> None:
    """Compare the page of the workspace with those of releases, since it is put in place first."""
    page = workspace.report_page
    pages = (published.folder.report_page for published in release.published(workspace))
    same = partial(filecmp.cmp, page, shallow=False)
    if page.exists() and not any(map(same, filter(Path.exists, pages))):
        raise ReleaseError(f"{page}: the page of no release; remove it, or publish again")
