"""The rule on articles that are not recommended, and the conditions that say which these are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from simrec.arrays import Mask
from simrec.config import NotRecommendable
from simrec.recommend.candidates import Candidates, RowAttributes
from simrec.recommend.rules.rule import SelectiveRule

Values = Sequence[str | None]  # of one field of an article; tags have several


@dataclass(frozen=True)
class OnlyRecommendable(SelectiveRule):
    """Lists hold nothing that is not to be recommended; such articles keep a list of their own."""

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow what may be recommended."""
        return candidates.attributes.is_recommendable

    def needs_place(self, attributes: RowAttributes) -> Mask:
        """Leave out what no list may hold."""
        return attributes.is_recommendable


class Conditions:
    """Conditions on fields: an article that meets one of them is not recommended.

    Values are compared without regard to case.
    """

    def __init__(self, config: NotRecommendable) -> None:
        self._values: dict[str, dict[str, str]] = {}
        for field in config.__struct_fields__:
            values = getattr(config, field)
            if values:
                self._values[field] = {value.casefold(): value for value in values}
        self._met: set[tuple[str, str]] = set()

    def __bool__(self) -> bool:
        """Tell whether there are conditions."""
        return bool(self._values)

    @property
    def fields(self) -> list[str]:
        """Return the fields that have conditions."""
        return list(self._values)

    def allow(self, article: Mapping[str, Values]) -> bool:
        """Tell whether an article may be recommended, by its values of `fields`."""
        is_allowed = True
        for field, unwanted in self._values.items():
            for value in article[field]:
                key = value.casefold() if value else ""
                if key in unwanted:
                    self._met.add((field, key))
                    is_allowed = False
        return is_allowed

    def never_met(self) -> Iterator[tuple[str, str]]:
        """Yield the field and value of the conditions that no article has met so far."""
        for field, values in self._values.items():
            for key, value in values.items():
                if (field, key) not in self._met:
                    yield field, value
