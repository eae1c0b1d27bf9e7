"""Gates: what has to be true of a staged release before it may be published."""

import json
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import msgspec

from simrec.config import Config, RulesConfig
from simrec.errors import GateError
from simrec.evaluate.report_format import (
    ASKED,
    ENCODER,
    OURS,
    ExposureFacts,
    Report,
    RuleEffect,
    SuiteSummary,
    read_part,
)
from simrec.recommend.rules.published_rules import PublishedRules
from simrec.release_folder import ReleaseFolder

logger = logging.getLogger(__name__)

TOLERANCE = 1e-3  # by which rounding may take a cosine beyond 1
MIN_TIMES_CHANCE = 2  # the MRR of an encoder that understood something
MIN_EXPOSED_ARTICLES = 100  # of few articles that are all alike, lists hold the same ones
MIN_CANDIDATES = 100  # with fewer, chance finds something, too


@dataclass(frozen=True)
class Candidate:
    """What the gates look at: figures of the report, and of the table of similar articles.

    coverage is the share of articles that have similar ones; lowest and highest are scores, None
    where there are none; floor is the score that lists go down to, 0 for any.
    """

    recall: float
    suites: Sequence[SuiteSummary]
    articles: int
    coverage: float = 1.0
    lowest: float | None = None
    highest: float | None = None
    floor: float = 0.0
    exposure: ExposureFacts | None = None
    rule_effects: Sequence[RuleEffect] = ()

    @classmethod
    def read(cls, folder: ReleaseFolder) -> "Candidate":
        """Read it from a staged release."""
        similar = "SELECT total(rank = 1), min(score), max(score) FROM similar_articles"
        with closing(folder.open_tables()) as db:
            (articles,) = db.execute("SELECT count(*) FROM articles").fetchone()
            covered, lowest, highest = db.execute(similar).fetchone()
        report = read_part(folder.report, Report)
        return cls(
            report.candidates.high,
            report.suites,
            articles,
            covered / articles,
            lowest,
            highest,
            PublishedRules.read(folder).floor,
            report.exposure,
            report.rule_effects,
        )

    @classmethod
    def published(cls, folder: ReleaseFolder, articles: int) -> "Candidate":
        """Read what a new release is compared with from a published one."""
        report = read_part(folder.report, Report)
        return cls(report.candidates.high, report.suites, articles)


def check(
    new: Candidate,
    current: Candidate | None,
    config: Config,
) -> None:
    """Raise GateError with every reason to refuse the release; `current` is published now."""
    reasons = [
        *_check_recall(new, config),
        *_check_coverage(new, config),
        *_check_exposure(new, config),
        *_check_relevance(new, config),
        *_check_numbers(new),
        *_check_encoder(new),
    ]
    if current:
        reasons += [*_check_size(new, current, config), *_check_quality(new, current, config)]
    for remark in _remark_questions(new, config):
        logger.warning("%s", remark)
    if reasons:
        raise GateError("the release is refused and the old one stays: " + "; ".join(reasons))


def _check_recall(new: Candidate, config: Config) -> Iterator[str]:
    target = config.index.recall_target
    if not new.recall >= target:  # NaN does not reach it either
        yield (
            f"{new.recall:.1%} at most of the articles of highest score are among the candidates, "
            f"index.recall_target is {target:.1%} (with more index.word_candidates there are more)"
        )


def _check_coverage(new: Candidate, config: Config) -> Iterator[str]:
    least = config.release.min_coverage
    if new.articles > 1 and not new.coverage >= least:
        reason = (
            f"{new.coverage:.1%} of the articles have similar ones, "
            f"release.min_coverage is {least:.1%}"
        )
        if new.floor:
            reason += (
                f" (rules.min_score is {config.rules.min_score}: lists hold nothing that scores "
                f"less than {new.floor:g}; lower it, or raise rules.max_chance for auto)"
            )
        yield reason


def _check_exposure(new: Candidate, config: Config) -> Iterator[str]:
    """Name a release that recommends a part of the articles only, and the rules that may do it."""
    least = config.release.min_exposed
    exposure = new.exposure
    if exposure is None or exposure.articles < MIN_EXPOSED_ARTICLES:
        return
    if exposure.recommended >= least:
        return
    reason = (
        f"{exposure.recommended:.1%} of the {exposure.articles:,} articles that may be recommended "
        f"stand in the first places of any list, release.min_exposed is {least:.1%}, and one "
        f"stands in {exposure.most_lists:,} lists"
    )
    yield f"{reason}{_look_at_rules(config.rules)}"


def _check_relevance(new: Candidate, config: Config) -> Iterator[str]:
    """Name what the rules cost the lists, but where that is what a rule is for.

    Questions are only remarked on: they have no date, and rules on age are meant to hide what is
    old.
    """
    most = config.release.max_relevance_fall
    meant = {*_fields_of_rules(config.rules), *ASKED}
    for effect in new.rule_effects:
        fall = effect.without_rules - effect.published
        if fall <= most or effect.suite in meant:
            continue
        yield (
            f"{effect.suite} {effect.measure} of the lists is {effect.published:.3f} by the rules "
            f"and {effect.without_rules:.3f} without them, a fall of more than "
            f"release.max_relevance_fall = {most:g}{_look_at_rules(config.rules)}"
        )


def _remark_questions(new: Candidate, config: Config) -> Iterator[str]:
    """Name the questions that no longer find their article by the rules."""
    most = config.release.max_relevance_fall
    for effect in new.rule_effects:
        if effect.suite in ASKED and effect.without_rules - effect.published > most:
            yield (
                f"{effect.suite} at {effect.measure} {effect.published:.3f} by the rules and "
                f"{effect.without_rules:.3f} without them: a question has no date and counts from "
                f"the newest article{_look_at_rules(config.rules)}"
            )


def _fields_of_rules(rules: RulesConfig) -> set[str]:
    """Return the suites of labels that rules are meant to make worse."""
    fields: set[str] = set(rules.exclude_same)
    if rules.exclude_own_account or rules.account_cap:
        fields.add("account")
    for field in rules.max_per.__struct_fields__:
        if getattr(rules.max_per, field):
            fields.add(field)
    return {"shared tag" if field == "tags" else f"same {field}" for field in fields}


def _look_at_rules(rules: RulesConfig) -> str:
    """Return the end of a sentence that names the rules that are not as they come."""
    usual = msgspec.to_builtins(RulesConfig())
    keys = []
    for name, value in msgspec.to_builtins(rules).items():
        if value != usual[name]:
            keys.append(f"rules.{name} = {json.dumps(value)}")
    return f"; look at {', '.join(keys)}" if keys else ""


def _check_numbers(new: Candidate) -> Iterator[str]:
    for suite in new.suites:
        for scorer, value in suite.values.items():
            if not math.isfinite(value):
                yield f"{suite.suite} {suite.measure} of {scorer} is {value}"
    for score in (new.lowest, new.highest):
        if score is not None and not abs(score) <= 1 + TOLERANCE:
            yield f"there is a score of {score}, which no cosine can be"


def _check_encoder(new: Candidate) -> Iterator[str]:
    """Name the suites in which the encoder scores as if it had not read the texts."""
    for suite in new.suites:
        value = suite.values.get(ENCODER, suite.values.get(OURS))
        if suite.measure != "MRR" or value is None or suite.candidates < MIN_CANDIDATES:
            continue
        ranks = range(1, suite.candidates + 1)
        chance = sum(1 / rank for rank in ranks) / suite.candidates
        if value < MIN_TIMES_CHANCE * chance:
            yield (
                f"{suite.suite} MRR of the encoder is {value:.3f}, and chance is {chance:.3f}: "
                "it is broken, or is not of these articles; train another one"
            )


def _check_size(
    new: Candidate,
    current: Candidate,
    config: Config,
) -> Iterator[str]:
    max_shrink = config.release.max_shrink
    if new.articles < (1 - max_shrink) * current.articles:
        yield (
            f"{new.articles:,} articles are left of {current.articles:,}, "
            f"release.max_shrink is {max_shrink:.0%}; if that is meant, raise it"
        )


def _check_quality(
    new: Candidate,
    current: Candidate,
    config: Config,
) -> Iterator[str]:
    """Name the figures that fell: of simrec, and of its encoder, whose fall words can hide."""
    max_drop = config.evaluate.max_quality_drop
    current_suites = {(suite.suite, suite.measure): suite for suite in current.suites}
    for suite in new.suites:
        older = current_suites.get((suite.suite, suite.measure))
        before = older.values if older else {}
        for scorer, value in suite.values.items():
            if older is None or scorer not in (OURS, ENCODER) or scorer not in before:
                continue
            chance = _margin(suite, older, scorer)
            if value < before[scorer] - max_drop - chance:
                of_encoder = "" if scorer == OURS else f" of the {scorer}"
                yield (
                    f"{suite.suite} {suite.measure}{of_encoder} fell from {before[scorer]:.3f} "
                    f"to {value:.3f}, more than evaluate.max_quality_drop = {max_drop}"
                    f"{f' and the {chance:.3f} of chance' if chance else ''}"
                )


def _margin(suite: SuiteSummary, older: SuiteSummary, scorer: str) -> float:
    """Return by how much a figure of two samples may differ by chance, half the 95% interval.

    The two are taken as independent: other articles are asked where ids or copies came in.
    """
    halves = []
    for each in (suite, older):
        low, high = each.intervals.get(scorer, (0.0, 0.0))
        halves.append((high - low) / 2)
    return math.hypot(*halves)
