"""Which rules of a configuration change nothing on some articles, said in sentences."""

from collections.abc import Iterator, Sequence

from simrec.articles.store import ArticleMeta
from simrec.config import RulesConfig
from simrec.recommend.candidates import TAGS
from simrec.recommend.rules.recommendable import Conditions


def idle_rules(
    config: RulesConfig,
    conditions: Conditions,
    articles: Sequence[ArticleMeta],
    have_tags: bool,
) -> Iterator[str]:
    """Yield a sentence for each rule that is set and finds nothing to go by.

    All articles have been held against the conditions; have_tags tells whether any has a tag.
    """
    for field, value in conditions.never_met():
        yield f"recommend.not_recommendable.{field}: no article has '{value}'"
    for name, field in _rules_on_fields(config):
        if field == TAGS:
            if not have_tags:
                yield f"rules.{name}: no article has a tag, so the rule changes nothing"
            continue
        values = {getattr(article, field) for article in articles}
        if values == {None}:
            named = f"an {field}" if field == "account" else f"a {field}"
            yield f"rules.{name}: no article has {named}, so the rule changes nothing"
        elif len(values) == 1:
            (value,) = values
            yield f"rules.{name}: all articles have the same {field}, '{value}'"
    for name in ("max_age_days", "freshness_half_life"):
        if getattr(config, name) and not any(article.published_at for article in articles):
            yield f"rules.{name}: no article has a date, so the rule changes nothing"


def _rules_on_fields(config: RulesConfig) -> Iterator[tuple[str, str]]:
    """Yield the keys that are set and ask for a field, each with the field."""
    if config.same_category != "no":
        yield "same_category", "category"
    if config.exclude_own_account:
        yield "exclude_own_account", "account"
    if config.account_cap:
        yield "account_cap", "account"
    for excluded in config.exclude_same:
        yield "exclude_same", excluded
    for capped in config.max_per.__struct_fields__:
        if getattr(config.max_per, capped):
            yield f"max_per.{capped}", capped
