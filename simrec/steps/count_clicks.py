"""The part of ranking that reads the file of clicks and chooses their share in a score."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from simrec import files
from simrec.recommend.choose_clicks_share import MIN_QUERIES, ClicksShare, choose_clicks_share
from simrec.recommend.click_file import read_clicks
from simrec.recommend.clicks import Clicks, write_click_facts
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.rerank import RankedCandidates
from simrec.steps.night import Night

logger = logging.getLogger(__name__)


def write_clicks(
    night: Night,
    scorer_files: ScorerFiles,
    ids: Sequence[str],
    candidates: RankedCandidates,
) -> None:
    """Write the clicks of a release, with their share; ids are those of its articles in order.

    candidates are in order of the score without smoothing. What a run that was killed has written
    is written anew, since the share is chosen by the score without clicks.
    """
    config = night.config
    release = scorer_files.release
    files.remove(release.click_pairs)
    row_of = {article_id: row for row, article_id in enumerate(ids)}
    path = Path(config.recommend.clicks)
    counted, facts = read_clicks(path, row_of, config.ingest.max_reject_share)
    if config.recommend.clicks_share == "auto":
        choice = choose_clicks_share(counted, ids, candidates, scorer_files)
        _tell(choice)
    else:
        choice = ClicksShare(config.recommend.clicks_share)
    write_click_facts(release, facts, asdict(choice))
    Clicks.of(counted, choice.share).write(release)


def _tell(choice: ClicksShare) -> None:
    if choice.queries < MIN_QUERIES:
        logger.warning(
            "recommend: clicks have no share in a score: only %d articles have enough of them to "
            "choose one, of %d needed; recommend.clicks_share sets it",
            choice.queries,
            MIN_QUERIES,
        )
        return
    logger.info(
        "recommend: clicks have a share of %.1f in a score, the least with which %d articles "
        "find best what they were read with",
        choice.share,
        choice.queries,
    )
