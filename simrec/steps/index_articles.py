"""The step that indexes: the vectors of all articles, an index of them, and their kNN graph."""

import logging

from simrec import files, release
from simrec.encoder import model_folder
from simrec.errors import ReleaseError
from simrec.index import vectors
from simrec.index.postings import write_postings
from simrec.index.refresh import PreviousIndex, refresh, refresh_word_graph
from simrec.lexical.tfidf import TERMS_PER_TEXT
from simrec.lexical.vocabulary import TermVocabulary
from simrec.recommend.tables.sqlite import read_ids
from simrec.release_folder import ReleaseFolder
from simrec.steps.gather_vectors import gather_vectors
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.tasks.stages import Stages

logger = logging.getLogger(__name__)


def index(night: Night) -> StepResult:
    """Index all articles and find the neighbours of each.

    Where little has changed since the current release, its index is followed.
    """
    staged = night.staged
    assert staged
    for leftover in night.workspace.staged_releases():
        if leftover.release_id != staged.release_id:
            files.remove_folder(leftover.path)
    staged.path.mkdir(exist_ok=True)
    ids = _gather(night, staged)
    vectors.check(staged.vectors, ids)
    previous = _previous_index(night)
    with night.stages("index", staged) as stages:
        words = _index_words(night, staged.absolute(), ids, previous, stages)
        sentence = refresh(
            staged.absolute(),
            ids,
            previous,
            night.config.index,
            night.config.recommend.similar_articles,
            stages,
        )
    return StepResult(sentence + words, len(ids), len(ids))


def _index_words(
    night: Night,
    staged: ReleaseFolder,
    ids: list[str],
    previous: PreviousIndex | None,
    stages: Stages,
) -> str:
    """Write the terms of the release and its word graph, if words count; return a clause."""
    tfidf = night.tfidf
    if tfidf is None or staged.word_graph.exists():
        return ""
    gather_vectors(night, tfidf.id, staged.terms, TERMS_PER_TEXT, "<u4")
    tfidf.save(staged.tfidf)  # the terms of a query are made with it
    TermVocabulary.open(night.workspace.vocabulary(night.encoder_id)).save(staged.vocabulary)
    write_postings(staged, tfidf)
    return refresh_word_graph(staged, ids, previous, night.config.index.word_candidates, stages)


def _gather(night: Night, staged: ReleaseFolder) -> list[str]:
    """Write the vectors of all articles in order of id; return the ids."""
    dim = model_folder.check(night.encoder).dim
    return gather_vectors(night, night.encoder_id, staged.vectors, dim, "<f2")


def _previous_index(night: Night) -> PreviousIndex | None:
    """Return the index of the current release, if it is whole and of the encoder in use."""
    if release.current_id(night.workspace) is None:
        return None
    try:
        current = release.Release.current(night.workspace)
        if current.manifest.encoder_id != night.encoder_id:
            return None
        folder = current.folder.absolute()
        current.verify(
            only=[
                folder.vectors,
                folder.index,
                folder.graph,
                folder.terms,
                folder.tfidf,
                folder.word_graph,
            ]
        )
        return PreviousIndex(folder, read_ids(folder), current.manifest.index)
    except ReleaseError as error:  # damaged, or of an older simrec: the next is made without it
        logger.warning(
            "index: from scratch, since the current release cannot be built upon: %s", error
        )
        return None
