"""What one ingest saw and did, and the sentences that say so."""

from collections import Counter
from dataclasses import dataclass, field

from simrec.articles.publication import is_known
from simrec.articles.row_outcome import Unpublished
from simrec.articles.store_writer import Reject

SHOWN = 5
NOTE = "kept without "  # begins the reason of a value that was dropped
MOST_NAMED = 10_000  # a file that is all wrong must not fill the memory with one complaint


@dataclass
class Problems:
    """How many problems there were, and the first of them."""

    count: int = 0
    named: list[Reject] = field(default_factory=list)

    def add(self, reject: Reject) -> None:
        self.count += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(reject)


@dataclass
class Ingested:
    """What one ingest saw and did, in rows."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    withdrawn: int = 0  # of the deleted, those that are a draft again
    statuses: Counter[str] = field(default_factory=Counter)  # of rows that are not published
    due: str = ""  # when the first article with a date in the future is published
    rejects: Problems = field(default_factory=Problems)  # rows that were not taken
    notes: Problems = field(default_factory=Problems)  # values that rows were taken without
    remarks: Problems = field(
        default_factory=Problems
    )  # what was decided and may be meant otherwise
    known: list[Reject] = field(default_factory=list)  # problems of the last time
    clashing: set[str] = field(default_factory=set)  # files with ids that other files hold
    damaged: list[str] = field(default_factory=list)  # where sources could not be read any further
    files: dict[str, None] = field(default_factory=dict)  # that were read, in order

    def __str__(self) -> str:
        left_out = f", {self.left_out}" if self.statuses else ""
        return (
            f"{self.new:,} new, {self.changed:,} changed, {self.unchanged:,} unchanged, "
            f"{self.deleted:,} deleted, {self.rejects.count:,} rejected{left_out}"
        )

    @property
    def left_out(self) -> str:
        """How many rows are not published, by status."""
        counts = [f"{count:,} {status}" for status, count in self.statuses.most_common(SHOWN)]
        return f"{self.statuses.total():,} not published ({', '.join(counts)})"

    def leave_out(self, row: Unpublished) -> None:
        """Count a row that is not published; a status that nobody knows is named once."""
        if not (self.statuses[row.status] or is_known(row.status)):
            reason = (
                f"status '{row.status}' is taken for not published; "
                "add it to ingest.status if it is, and mend fields.status if it is no status"
            )
            self.remarks.add(Reject(row.file, row.line, reason))
        self.statuses[row.status] += 1
        self.due = min(filter(None, [self.due, row.until]), default="")

    @property
    def bad_rows(self) -> int:
        """How many rows were rejected or lost a value."""
        return self.rejects.count + self.notes.count

    @property
    def named(self) -> list[Reject]:
        """The first rejects, then the first values that were dropped, then remarks."""
        return self.rejects.named + self.notes.named + self.remarks.named

    @property
    def problems(self) -> str:
        """How many rows were rejected or lost a value, and the first few of them."""
        count = self.bad_rows + self.remarks.count
        return "\n".join([self._counts, *_first(self.named, count)])

    @property
    def new_problems(self) -> str:
        """The problems that the last ingest of the same files did not have, "" if there are none.

        A known one is known by its file and sentence: rows move to other lines.
        """
        known = Counter((reject.file, reject.reason) for reject in self.known)
        new = []
        for reject in self.named:
            key = (reject.file, reject.reason)
            if known[key] > 0:
                known[key] -= 1
            else:
                new.append(reject)
        if not new:
            return ""
        unnamed = self.bad_rows + self.remarks.count - len(self.named)
        return "\n".join([self._counts, *_first(new, len(new) + unnamed)])

    def repeat(self) -> None:
        """Count the problems of files that were not read again, since they are unchanged."""
        for reject in self.known:
            problems = self.notes if reject.reason.startswith(NOTE) else self.rejects
            problems.add(reject)

    @property
    def _counts(self) -> str:
        notes = f", {self.notes.count:,} values dropped" if self.notes.count else ""
        return f"{self.rejects.count:,} of {self.read:,} rows rejected{notes}"


def _first(rejects: list[Reject], count: int) -> list[str]:
    lines = [str(reject) for reject in rejects[:SHOWN]]
    if count > SHOWN:
        lines.append(f"... and {count - SHOWN:,} more (simrec rejects)")
    return lines
