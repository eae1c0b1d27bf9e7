"""The step that ranks: neighbours become the tables of a release."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from simrec import files, release
from simrec.arrays import Rows
from simrec.articles.article import Account, encoded_text
from simrec.articles.store import ArticleMeta, Store
from simrec.errors import ReleaseError
from simrec.index.index_facts import IndexFacts
from simrec.index.neighbours import Neighbours
from simrec.recommend.account_terms import find_account_terms
from simrec.recommend.candidate_recall import measure_candidate_recall
from simrec.recommend.candidates import AttributeTable
from simrec.recommend.clicks import Clicks
from simrec.recommend.dedup import duplicate_groups
from simrec.recommend.editors_file import Kind
from simrec.recommend.evidence import find_evidence
from simrec.recommend.exposure import RankedLists
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.lists import ListSettings, rank_lists
from simrec.recommend.pins import pin_articles
from simrec.recommend.rerank import Depth, RankedCandidates, rerank, rescore
from simrec.recommend.row_attributes import attribute_table, find_recommendable
from simrec.recommend.rules.age import RecencyDecay
from simrec.recommend.rules.editors import EditorsChoices, find_choices
from simrec.recommend.rules.floor import calibrate_floor
from simrec.recommend.rules.idle_rules import idle_rules
from simrec.recommend.rules.published_rules import PublishedRules, fields_of
from simrec.recommend.rules.recommendable import Conditions
from simrec.recommend.rules.rule import Rule
from simrec.recommend.shared_words import SharedWords, find_shared_words
from simrec.recommend.similar_accounts import AccountSearch, account_rows_of, similar_accounts
from simrec.recommend.smoothing import smooth
from simrec.recommend.stories import Stories, find_stories
from simrec.recommend.tables.release_tables import RankedRelease, write_tables
from simrec.recommend.without_rules import rows_to_compare, write_without_rules
from simrec.release_folder import ReleaseFolder
from simrec.steps.count_clicks import write_clicks
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.tasks.stages import Stages

logger = logging.getLogger(__name__)


def recommend(night: Night) -> StepResult:
    """Turn neighbours into the tables of similar articles and similar accounts."""
    staged = night.staged
    assert staged
    with night.stages("recommend", staged) as stages:
        ranked = _rank(night, staged.absolute(), stages)
        changes = _write(night, staged, ranked)
    articles = len(ranked.articles)
    accounts = len(ranked.accounts)
    duplicates = 0
    for row, original in enumerate(ranked.originals.tolist()):
        duplicates += original >= 0 and original != row
    sentence = (
        f"{articles:,} articles, {duplicates:,} of them near-duplicates, {accounts:,} accounts"
    )
    return StepResult(sentence + changes, articles, articles + accounts)


def _rank(
    night: Night,
    staged: ReleaseFolder,
    stages: Stages,
) -> RankedRelease:
    """Rank the candidates of every article, and the accounts."""
    articles, accounts = _read_articles(night)
    account_ids = [account.id for account in accounts]
    account_rows = account_rows_of(account_ids, [article.account for article in articles])
    scorer_files = ScorerFiles(staged, night.lexical_weight, night.smoothing)
    raw, candidates, originals = _find_candidates(night, scorer_files, articles, stages)
    choices = _editors_choices(night, "article", [article.id for article in articles])
    rules = _write_rules(night, staged, articles, scorer_files)
    table = _attribute_table(night, articles, originals, rules)
    lists = _rank_lists(night, scorer_files, rules.rules(choices), candidates, table, stages)
    pin_articles(lists, choices.pins, scorer_files)
    related = _rank_accounts(night, accounts, account_rows, scorer_files, stages)
    stories, characters = _find_stories(night, articles, raw, originals, stages)
    return RankedRelease(
        articles=articles,
        images=_images(night),
        originals=originals,
        lists=lists,
        shared_words=_find_shared_words(night, scorer_files, lists, articles, stages),
        choices=choices,
        clicks=Clicks.open(scorer_files.release),
        accounts=accounts,
        similar_accounts=related,
        evidence=find_evidence(related.rows, candidates, account_rows, scorer_files, stages),
        account_terms=find_account_terms(account_rows, account_ids, scorer_files, stages),
        stories=stories,
        characters=characters,
    )


def _read_articles(night: Night) -> tuple[list[ArticleMeta], list[Account]]:
    with night.open_store() as store:
        return list(store.metadata()), store.accounts()


def _rank_lists(
    night: Night,
    scorer_files: ScorerFiles,
    rules: Sequence[Rule],
    candidates: RankedCandidates,
    table: AttributeTable,
    stages: Stages,
) -> RankedLists:
    """Return the lists of all articles by the rules, and write some by score alone beside them."""
    config = night.config
    staged = scorer_files.release
    settings = ListSettings(
        scorer_files,
        IndexFacts.read(staged.index_facts),
        rules,
        config.recommend.similar_articles,
        config.rules.max_exposure,
    )
    write_without_rules(staged.without_rules, _rows_to_compare(night), candidates, table)
    return rank_lists(candidates, table, settings, stages)


def _find_stories(
    night: Night,
    articles: Sequence[ArticleMeta],
    candidates: RankedCandidates,
    originals: Rows,
    stages: Stages,
) -> tuple[Stories, list[int]]:
    """Return the stories of a release, and how long the texts of their articles are."""
    published = [article.published_at for article in articles]
    stories = find_stories(candidates, published, originals, night.config.stories, stages)
    with night.open_store() as store:
        ids = [articles[row].id for row in stories.members.tolist()]
        return stories, [store.characters(article_id) for article_id in ids]


def _rows_to_compare(night: Night) -> Rows:
    """Return the rows whose lists the report compares with those by score alone."""
    with night.open_store() as store:
        keys = store.keys()
        return rows_to_compare(text_key for _, _, text_key in keys)


def _find_candidates(
    night: Night,
    scorer_files: ScorerFiles,
    articles: Sequence[ArticleMeta],
    stages: Stages,
) -> tuple[RankedCandidates, RankedCandidates, Rows]:
    """Return the candidates without smoothing and with it, and the original of each duplicate.

    How many of the best articles are among the candidates is measured on the way.
    """
    config = night.config
    depth = Depth(config.index.candidates, config.index.word_candidates)
    raw = rerank(scorer_files, depth, stages)
    published = [article.published_at for article in articles]
    seen = _nights_of_coming(night, articles)
    originals = duplicate_groups(raw.duplicates(), published, seen, night.today)
    if scorer_files.smoothing:
        smooth(scorer_files, raw, originals, stages)
    if night.clicks:
        write_clicks(night, scorer_files, [article.id for article in articles], raw)
    candidates = rescore(scorer_files, raw, depth, stages)
    places = config.recommend.similar_articles
    recall = measure_candidate_recall(scorer_files, candidates, places, stages)
    files.write_json(scorer_files.release.candidate_recall, asdict(recall))
    return raw, candidates, originals


def _nights_of_coming(night: Night, articles: Sequence[ArticleMeta]) -> list[int]:
    with night.open_store() as store:
        later = store.later_arrivals()
    return [later.get(article.id, 0) for article in articles]


def _rank_accounts(
    night: Night,
    accounts: Sequence[Account],
    account_rows: Rows,
    scorer_files: ScorerFiles,
    stages: Stages,
) -> Neighbours:
    """Return the accounts similar to each, as the editors want them."""
    config = night.config
    choices = _editors_choices(night, "account", [account.id for account in accounts])
    k = config.recommend.similar_accounts
    search = AccountSearch.of(scorer_files, config.index, k, stages, choices)
    return similar_accounts(account_rows, len(accounts), search, stages)


def _write_rules(
    night: Night,
    staged: ReleaseFolder,
    articles: Sequence[ArticleMeta],
    scorer_files: ScorerFiles,
) -> PublishedRules:
    """Write the rules, which questions follow too, and return them."""
    config = night.config.rules
    decay = RecencyDecay()
    if config.freshness_half_life or config.max_age_days:
        published = [article.published_at for article in articles]
        decay = RecencyDecay.of(published, night.today, config.age_from == "article")
    floor = config.min_score
    if floor == "auto":
        floor = calibrate_floor(scorer_files, config.max_chance)
        logger.info("recommend: rules.min_score is %s by rules.max_chance", floor)
    conditions = night.config.recommend.not_recommendable
    rules = PublishedRules(config, conditions, decay, floor, night.editors.sha256)
    night.editors.write(staged)
    files.write_json(staged.rules, rules.as_json())
    return rules


def _editors_choices(
    night: Night,
    kind: Kind,
    ids: Sequence[str],
) -> EditorsChoices:
    """Return what the editors want of articles or accounts, and name the ids that nobody has."""
    row_of = {name: row for row, name in enumerate(ids)} if night.editors.entries else {}
    choices, unknown = find_choices(night.editors.entries, kind, row_of.get)
    for sentence in unknown:
        logger.warning("recommend: %s", sentence)
    return choices


def _attribute_table(
    night: Night,
    articles: Sequence[ArticleMeta],
    originals: NDArray[np.int64],
    rules: PublishedRules,
) -> AttributeTable:
    """Return what the rules know of all articles, and name the rules that change nothing."""
    conditions = Conditions(rules.not_recommendable)
    with night.open_store() as store:
        tags = list(store.tags())
    is_recommendable = find_recommendable(articles, tags, conditions)
    fields = fields_of(rules.rules())
    rows = np.arange(len(articles))
    table = attribute_table(rows, originals, articles, fields, is_recommendable, tags)
    have_tags = any(of_article != "[]" for of_article in tags)
    for sentence in idle_rules(rules.config, conditions, articles, have_tags):
        logger.warning("recommend: %s", sentence)
    return table


def _images(night: Night) -> list[tuple[str, str]]:
    with night.open_store() as store:
        return list(store.images())


def _find_shared_words(
    night: Night,
    scorer_files: ScorerFiles,
    lists: RankedLists,
    articles: list[ArticleMeta],
    stages: Stages,
) -> SharedWords:
    """Return the words that pairs share."""
    with night.open_store() as store:

        def texts(rows: list[int]) -> Iterator[str]:
            return _texts(store, [articles[row].id for row in rows])

        return find_shared_words(scorer_files, lists.rows, texts, stages)


def _texts(store: Store, ids: list[str]) -> Iterator[str]:
    for article_id in ids:
        article = store.text_of(article_id)
        if article:
            _, title, text = article
            yield encoded_text(title, text)


def _write(
    night: Night,
    staged: ReleaseFolder,
    ranked: RankedRelease,
) -> str:
    """Write all tables; return a clause that says how they differ from those before."""
    before = _current(night)
    with night.open_store() as store:
        changed = write_tables(staged, ranked, store.rows(), night.config.recommend, before)
    if before is None or changed is None:
        return ""
    return f"; {changed:,} rows differ from {before.release_id}"


def _current(night: Night) -> ReleaseFolder | None:
    """Return the current release, of any format, for tables of changes; None if it is damaged."""
    release_id = release.current_id(night.workspace)
    if release_id is None:
        return None
    folder = night.workspace.release(release_id)
    try:
        release.Release.read(folder).verify(only=[folder.similar_articles, folder.similar_accounts])
    except ReleaseError as error:
        logger.warning("recommend: without tables of changes: %s", error)
        return None
    return folder
