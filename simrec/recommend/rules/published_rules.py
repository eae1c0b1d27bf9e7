"""The rules of a release: the configuration, and what was found once for all articles."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from simrec.config import NotRecommendable, RulesConfig
from simrec.files import JsonObject
from simrec.recommend.candidates import TAGS
from simrec.recommend.rules.age import Freshness, MaxAge, RecencyDecay
from simrec.recommend.rules.diversity import Diversity
from simrec.recommend.rules.editors import EditorsChoices
from simrec.recommend.rules.floor import MinScore
from simrec.recommend.rules.near_duplicates import CollapseDuplicates
from simrec.recommend.rules.recommendable import Conditions, OnlyRecommendable
from simrec.recommend.rules.rule import Rule
from simrec.recommend.rules.same_field import ExcludeSame, GroupCap, PreferSame, RequireSame
from simrec.recommend.rules.shared_tags import ExcludeSharedTag, TagCap
from simrec.release_folder import ReleaseFolder

# Rules of releases that were made before there were others: what they did not know was off.
BEFORE: JsonObject = {"same_language": False, "age_from": "newest"}


@dataclass(frozen=True)
class PublishedRules:
    """What decides the rules of a release, which tables and questions follow alike.

    floor is the score that lists go down to, 0 for any: rules.min_score, or what "auto" has found.
    editors is the checksum of the editors' file, "" without one.
    """

    config: RulesConfig
    not_recommendable: NotRecommendable = field(default_factory=NotRecommendable)
    decay: RecencyDecay = field(default_factory=RecencyDecay)
    floor: float = 0.0
    editors: str = ""

    def as_json(self) -> JsonObject:
        """Return what `from_json` reads."""
        return {
            **msgspec.to_builtins(self.config),
            "not_recommendable": msgspec.to_builtins(self.not_recommendable),
            "newest": self.decay.newest,
            "undated_days": self.decay.undated_days,
            "floor": self.floor,
            "editors": self.editors,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "PublishedRules":
        """Read the rules of a release, also of one whose simrec knew fewer."""
        names = RulesConfig.__struct_fields__
        settings = {name: value for name, value in content.items() if name in names}
        config = msgspec.convert({**BEFORE, **settings}, RulesConfig)
        decay = RecencyDecay(
            content["newest"], content["undated_days"], config.age_from == "article"
        )
        conditions = msgspec.convert(content.get("not_recommendable", {}), NotRecommendable)
        floor = content.get("floor", 0.0)
        return cls(config, conditions, decay, floor, content.get("editors", ""))

    @classmethod
    def read(cls, folder: ReleaseFolder) -> "PublishedRules":
        """Read the rules of a release that may be staged."""
        return cls.from_json(json.loads(folder.rules.read_bytes()))

    def rules(self, choices: EditorsChoices | None = None) -> tuple[Rule, ...]:
        """Return the rules that are on, in the order in which they are applied.

        choices are what the editors want of articles; what they pin comes after all rules.
        """
        config = self.config
        rules: list[Rule] = choices.rules() if choices else []
        if Conditions(self.not_recommendable):
            rules.append(OnlyRecommendable())
        rules += _same_field_rules(config)
        if config.max_age_days:
            rules.append(MaxAge(config.max_age_days, self.decay))
        if self.floor:
            rules.append(MinScore(self.floor))
        # Of near-duplicates the best one that all rules above allow.
        if config.collapse_duplicates:
            rules.append(CollapseDuplicates())
        if config.same_category == "preferred":
            rules.append(PreferSame("category"))
        if config.freshness_half_life:
            rules.append(Freshness(config.freshness_half_life, self.decay))
        rules += _caps(config)
        if config.diversity:
            rules.append(Diversity(config.diversity))
        return tuple(rules)


def fields_of(rules: tuple[Rule, ...]) -> list[str]:
    """Return the fields of articles whose groups the rules read, in order of the alphabet."""
    return sorted({name for rule in rules for name in rule.fields})


def _same_field_rules(config: RulesConfig) -> list[Rule]:
    rules: list[Rule] = []
    if config.same_language:
        rules.append(RequireSame("lang"))
    if config.same_category == "required":
        rules.append(RequireSame("category"))
    excluded = set(config.exclude_same)
    if config.exclude_own_account:
        excluded.add("account")
    if TAGS in excluded:
        excluded.remove(TAGS)
        rules.append(ExcludeSharedTag())
    return [*rules, *(ExcludeSame(name) for name in sorted(excluded))]


def _caps(config: RulesConfig) -> list[Rule]:
    """Return a rule for each field that has a cap; of two caps on accounts the smaller one."""
    caps = msgspec.to_builtins(config.max_per)
    account_caps = [cap for cap in (config.account_cap, config.max_per.account) if cap]
    caps["account"] = min(account_caps, default=0)
    tag_cap = caps.pop(TAGS)
    rules: list[Rule] = [GroupCap(name, cap) for name, cap in caps.items() if cap]
    return [*rules, TagCap(tag_cap)] if tag_cap else rules
