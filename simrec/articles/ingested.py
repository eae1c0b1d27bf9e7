"""What one ingest saw and did, and the sentences that say so."""

import re
from collections import Counter
from dataclasses import dataclass, field

from simrec.articles.opened_sources import OpenedSources
from simrec.articles.outcomes import Rejected, Remark, RowOutcome, Unpublished
from simrec.articles.publication import is_known
from simrec.articles.read_whole import is_of
from simrec.articles.sources.source import NOTHING_CHANGED, UnreadableSourceError
from simrec.articles.store_writer import NOT_READ, NOTE, REMARK, Reject
from simrec.errors import GateError, SimrecError

SHOWN = 5
# Of a row that is known by its id: at the beginning of a reason, or at its end.
ID = re.compile(r"^id ('(?:\\.|[^'])*'|\"[^\"]*\")|\(id ('(?:\\.|[^'])*'|\"[^\"]*\")\)$")
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
    absent: int = 0  # of the deleted, those that no source holds any more
    withdrawn: int = 0  # of the deleted, those that are a draft again
    statuses: Counter[str] = field(default_factory=Counter)  # of rows that are not published
    due: str = ""  # when the first article with a date in the future is published
    rejects: Problems = field(default_factory=Problems)  # rows that were not taken
    notes: Problems = field(default_factory=Problems)  # values that rows were taken without
    remarks: Problems = field(
        default_factory=Problems
    )  # what was decided and may be meant otherwise
    said: set[tuple[str, str]] = field(default_factory=set)  # remarks, by file and text
    known: list[Reject] = field(default_factory=list)  # problems of the last time
    clashing: set[str] = field(default_factory=set)  # files with ids that other files hold
    sources: int = 0  # of the configuration, each file of a glob for itself
    failed: dict[str, SimrecError] = field(default_factory=dict)  # of which nothing was read
    damaged: list[str] = field(default_factory=list)  # where sources could not be read any further
    whole: set[str] = field(default_factory=set)  # the sources that could be opened
    not_whole: set[str] = field(default_factory=set)  # sources or files that are not known whole
    without_id: dict[str, int] = field(default_factory=dict)  # by file the first row without one
    unended: dict[str, int] = field(default_factory=dict)  # by file the row that nothing ends
    held: int = 0  # articles that sync would have deleted, had their source been read whole
    entries: dict[str, int] = field(default_factory=dict)  # of the configuration, by source
    claiming: set[str] = field(default_factory=set)  # sources whose ids anybody may have written
    failure: SimrecError | None = None  # what the ingest went on without
    partial: set[str] = field(default_factory=set)  # sources that were read since a cursor
    met: set[str] = field(default_factory=set)  # ids in those, as they stand in reasons
    finished: bool = False  # whether all sources were read as far as they can be
    files: dict[str, None] = field(default_factory=dict)  # that were read, in order

    def __str__(self) -> str:
        more = f", {self.left_out}" if self.statuses else ""
        if self.unread:
            more += f", {self.unread:,} of {self.sources:,} sources not read"
        if self.held:
            more += f", {self.held:,} not deleted since their source was not read whole"
        return (
            f"{self.new:,} new, {self.changed:,} changed, {self.unchanged:,} unchanged, "
            f"{self.deleted:,} deleted, {self.rejects.count:,} rejected{more}"
        )

    @property
    def unread(self) -> int:
        """How many sources were not read, or not to their end."""
        return len(self.failed) + len(self.damaged)

    @property
    def failures(self) -> str:
        """What is wrong with each source that was not read to its end, one a line."""
        sentences = [_sentence(error) for error in self.failed.values()]
        return "\n".join([*sentences, *self.damaged])

    def expect(self, opened: OpenedSources) -> None:
        """Note which sources there are, and those of them that cannot be opened."""
        self.sources = len(opened.sources) + len(opened.failures)
        self.whole = {source.name for source, _ in opened.sources}
        self.not_whole = set(opened.failures)
        self.failed = dict(opened.failures)
        if len(set(opened.entries.values())) > 1:
            self.entries = opened.entries
            self.claiming = opened.claiming

    def fail(self, end: Rejected) -> None:
        """Note that a source cannot be read, not even its first row."""
        error: SimrecError = UnreadableSourceError(end.reason)
        if not end.unopened:
            reject = Reject(end.file, end.line, end.reason)
            error = GateError(f"{reject}{NOTHING_CHANGED}; send it again and run the same command")
        self.failed.setdefault(end.file, error)
        self.not_whole.add(end.file)

    def source_of(self, file: str) -> str:
        """Return the source that a file is or lies in, "" if there is none."""
        while file and file not in self.entries:
            file = file.rpartition("/")[0]
        return file

    def entry(self, file: str) -> int | None:
        """Return the number of the configuration's entry that a file is of, None if of none."""
        return self.entries.get(self.source_of(file))

    @property
    def left_out(self) -> str:
        """How many rows are not published, by status."""
        counts = [f"{count:,} {status}" for status, count in self.statuses.most_common(SHOWN)]
        others = self.statuses.total() - sum(count for _, count in self.statuses.most_common(SHOWN))
        if others:
            counts.append(f"{others:,} of others")
        return f"{self.statuses.total():,} not published ({', '.join(counts)})"

    def leave_out(self, row: Unpublished) -> None:
        """Count a row that is not published; a status that nobody knows is named once."""
        if not (self.statuses[row.status] or is_known(row.status)):
            reason = (
                f"status '{row.status}' is taken for not published; "
                "add it to ingest.status if it is, and mend fields.status if it is no status"
            )
            self.remark(row.file, row.line, reason)
        self.statuses[row.status] += 1
        self.due = min(filter(None, [self.due, row.until]), default="")

    def remark(self, file: str, line: int, text: str) -> None:
        """Add what may be meant otherwise, once for each file: tasks may say it several times."""
        if (file, text) not in self.said:
            self.said.add((file, text))
            self.remarks.add(Reject(file, line, REMARK + text))

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
            problems = self.rejects
            if reject.reason.startswith(NOTE):
                problems = self.notes
            elif reject.reason.startswith(REMARK):
                problems = self.remarks
            problems.add(reject)

    def meet(self, row: RowOutcome) -> None:
        """Count a row that was read."""
        self.read += 1
        self.files.setdefault(row.file)
        if row.file in self.partial and not isinstance(row, Remark):
            self.met.add(repr(row.id))

    @property
    def told_anew(self) -> set[str]:
        """The files and sources whose stored problems are replaced by those of now."""
        files = {*self.files, *(remark.file for remark in self.remarks.named)}
        if self.finished:
            whole = self.whole - self.failed.keys() - self.partial
            files |= {reject.file for reject in self.known if is_of(reject.file, whole)}
        return files

    def to_store(self) -> list[Reject]:
        """Return all problems to be stored: those of now, and sources that were not read.

        Of a source that was read since a cursor, rows that were not read again have the problems
        that they had.
        """
        now = {(reject.file, reject.reason) for reject in self.named}
        older = []
        for reject in self.known:
            if reject.file not in self.partial or reject.file not in self.files:
                continue
            if reject.reason.startswith(NOT_READ):
                continue
            found = ID.search(reject.reason)
            met = found and (found[1] or found[2]) in self.met
            if not met and (reject.file, reject.reason) not in now:
                older.append(reject)
        unread = [
            Reject(name, 1, NOT_READ + _sentence(error)) for name, error in self.failed.items()
        ]
        return [*self.named, *older, *unread]

    @property
    def _counts(self) -> str:
        notes = f", {self.notes.count:,} values dropped" if self.notes.count else ""
        if self.remarks.count:
            notes += f", {self.remarks.count:,} to be noted"
        return f"{self.rejects.count:,} of {self.read:,} rows rejected{notes}"


def _sentence(error: SimrecError) -> str:
    return str(error).partition(NOTHING_CHANGED)[0]


def _first(rejects: list[Reject], count: int) -> list[str]:
    lines = [str(reject) for reject in rejects[:SHOWN]]
    if count > SHOWN:
        lines.append(f"... and {count - SHOWN:,} more (simrec rejects)")
    return lines
