"""The step that ranks: neighbours become the tables of a release."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec

from simrec import files, log, release
from simrec.articles.article import encoded_text
from simrec.articles.store import ArticleMeta, Store
from simrec.config import Config
from simrec.errors import ReleaseError
from simrec.release_folder import ReleaseFolder
from simrec.steps.outcome import StepResult, encoder_id_of, lexical_of
from simrec.steps.staging import gather, need, nothing_to_do, read_json, stage, stages
from simrec.tasks.stages import Stages
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.recommend.exposure import RankedLists
    from simrec.recommend.hybrid import ScorerFiles
    from simrec.recommend.rules import RecencyDecay
    from simrec.recommend.shared_words import SharedWords
    from simrec.recommend.tables.release_tables import RankedRelease

logger = logging.getLogger(__name__)


def recommend(workspace: Workspace, config: Config) -> StepResult:
    """Turn neighbours into the tables of similar articles and similar accounts."""
    today = log.now()
    staged = stage(workspace, config, today)
    if staged is None or staged.tables.exists():
        return nothing_to_do(workspace, staged)
    need(staged.graph, "index")
    with stages(staged, "recommend", config) as parts:
        made = _made(workspace, config, staged.absolute(), today, parts)
        changes = _write(workspace, staged, made, config)
    counts = len(made.articles), len(made.accounts)
    twice = sum(row >= 0 and row != own for own, row in enumerate(made.originals.tolist()))
    sentence = f"{counts[0]:,} articles, {twice:,} of them near-duplicates, {counts[1]:,} accounts"
    return StepResult(sentence + changes, counts[0], sum(counts))


def _made(
    workspace: Workspace, config: Config, staged: ReleaseFolder, today: str, parts: Stages
) -> "RankedRelease":
    """Rank everything."""
    from simrec.index.index_facts import IndexFacts
    from simrec.recommend.candidates import RowAttributes, days_of, group_numbers
    from simrec.recommend.dedup import duplicate_groups
    from simrec.recommend.evidence import find_evidence
    from simrec.recommend.hybrid import ScorerFiles
    from simrec.recommend.lists import ListSettings, rank_lists
    from simrec.recommend.rerank import rerank
    from simrec.recommend.rules import rules_of
    from simrec.recommend.similar_accounts import account_rows_of, similar_accounts
    from simrec.recommend.tables.release_tables import RankedRelease

    with Store.open(workspace.articles_db) as store:
        articles, accounts = list(store.metadata()), store.accounts()
    published = [article.published_at for article in articles]
    account_rows = account_rows_of(
        [account.id for account in accounts], [article.account for article in articles]
    )
    decay = _write_rules(staged, config, published, today)
    scorer_files = ScorerFiles.prepare(staged, _words(workspace, config, staged), parts)
    candidates = rerank(scorer_files, config.index.candidates, parts)
    originals = duplicate_groups(candidates.duplicates(), published)
    categories = group_numbers([article.category for article in articles])
    attributes = RowAttributes(originals, account_rows, categories, days_of(published))
    settings = ListSettings(
        scorer_files,
        IndexFacts.from_dict(read_json(staged.index_facts)),
        rules_of(config.rules, decay),
        config.recommend.similar_articles,
        config.rules.max_exposure,
    )
    listed = rank_lists(candidates, attributes, settings, parts)
    k = config.recommend.similar_accounts
    related = similar_accounts(account_rows, len(accounts), scorer_files, config.index, k, parts)
    evidence = find_evidence(related.rows, candidates, account_rows, scorer_files, parts)
    return RankedRelease(
        articles=articles,
        originals=originals,
        lists=listed,
        shared_words=_reasons(workspace, scorer_files, listed, articles, parts),
        accounts=accounts,
        similar_accounts=related,
        evidence=evidence,
    )


def _write_rules(
    staged: ReleaseFolder, config: Config, published: Sequence[str | None], today: str
) -> "RecencyDecay":
    """Write the rules, which questions follow too; return what ages are counted from."""
    from simrec.recommend.rules import RecencyDecay

    decay = RecencyDecay()
    if config.rules.freshness_half_life:
        decay = RecencyDecay.of(published, today)
    files.write_json(staged.rules, {**msgspec.to_builtins(config.rules), **asdict(decay)})
    return decay


def _words(workspace: Workspace, config: Config, staged: ReleaseFolder) -> float:
    """Return the share of words in a score; the words that it scores by become part of the release."""
    from simrec.lexical.tfidf import TERMS_PER_TEXT

    lexical = lexical_of(workspace, config)
    if lexical is None:
        return 0.0
    gather(workspace, lexical.id, staged.terms, TERMS_PER_TEXT, "<u4")
    lexical.save(staged.tfidf)  # a question's own terms are made with it
    return lexical.weight


def _reasons(
    workspace: Workspace,
    scorer_files: "ScorerFiles",
    listed: "RankedLists",
    articles: list[ArticleMeta],
    parts: Stages,
) -> "SharedWords":
    """Return the words that pairs share; new ones are kept for the next night."""
    from simrec.lexical.vocabulary import TermVocabulary
    from simrec.recommend.shared_words import find_shared_words

    path = workspace.vocabulary(encoder_id_of(workspace))
    vocabulary = TermVocabulary.open(path)
    known = len(vocabulary)
    with Store.open(workspace.articles_db) as store:

        def texts(rows: list[int]) -> Iterator[str]:
            for row in rows:
                found = store.text_of(articles[row].id)
                if found:
                    yield encoded_text(*found[1:])

        found = find_shared_words(scorer_files, listed.rows, vocabulary, texts, parts)
    if len(vocabulary) > known:
        vocabulary.save(path)
    return found


def _before(workspace: Workspace) -> ReleaseFolder | None:
    """Return the current release, of any format, for tables of changes; None if it is damaged."""
    current = release.current_id(workspace)
    if current is None:
        return None
    folder = workspace.release(current)
    try:
        release.Release.read(folder).verify(only=[folder.similar_articles, folder.similar_accounts])
    except ReleaseError as error:
        logger.warning("recommend: without tables of changes: %s", error)
        return None
    return folder


def _write(
    workspace: Workspace, staged: ReleaseFolder, ranked: "RankedRelease", config: Config
) -> str:
    """Write all tables; return a clause that says how they differ from those before."""
    from simrec.recommend.tables.release_tables import write_tables

    before = _before(workspace)
    with Store.open(workspace.articles_db) as store:
        changed = write_tables(staged, ranked, store.rows(), config.recommend, before)
    if before is None or changed is None:
        return ""
    return f"; {changed:,} rows differ from {before.release_id}"
