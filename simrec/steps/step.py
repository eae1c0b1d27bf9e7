"""What a step of a job is, and what it says when it is done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simrec.errors import ReleaseError, SimrecError

if TYPE_CHECKING:
    from simrec.steps.night import Night


@dataclass(frozen=True)
class StepResult:
    """What a step did: a sentence, rows in and out, whether there was nothing to do.

    `release` is the id of the release that it published. `failure` is what it went on without: the
    run ends with it after its last step.
    """

    sentence: str
    rows_in: int = 0
    rows_out: int = 0
    skipped: bool = False
    release: str = ""
    failure: SimrecError | None = None


@dataclass(frozen=True)
class Step:
    """A verb of a job; run again, it does only what is missing.

    `makes` names the file of a release, as ReleaseFolder does, that the step writes last. `needs`
    is the step whose file it reads.
    """

    name: str
    run: Callable[["Night"], StepResult]
    makes: str = ""
    needs: "Step | None" = None

    def __call__(self, night: "Night") -> StepResult:
        """Run the step, unless its file is there; ReleaseError if the file that it needs is not."""
        if self.makes and night.staged is None:
            return StepResult("nothing changed since this is published", skipped=True)
        if self.makes and self._has_made(night):
            return StepResult("nothing changed since this is done", skipped=True)
        if self.needs and night.staged and not self.needs._has_made(night):
            raise ReleaseError(
                f"the articles of now have not been through '{self.needs.name}' yet; "
                f"run simrec {self.needs.name} first"
            )
        return self.run(night)

    def _has_made(self, night: "Night") -> bool:
        return bool(getattr(night.staged, self.makes).exists())
