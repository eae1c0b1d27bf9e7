"""What one ingest saw and did, and the sentences that say so."""

from dataclasses import dataclass, field

from simrec.articles.store_writer import Reject

SHOWN = 5
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
    rejects: Problems = field(default_factory=Problems)  # rows that were not taken
    notes: Problems = field(default_factory=Problems)  # values that rows were taken without
    damaged: list[str] = field(default_factory=list)  # where sources could not be read any further
    files: dict[str, None] = field(default_factory=dict)  # that were read, in order

    def __str__(self) -> str:
        return (
            f"{self.new:,} new, {self.changed:,} changed, {self.unchanged:,} unchanged, "
            f"{self.deleted:,} deleted, {self.rejects.count:,} rejected"
        )

    @property
    def bad_rows(self) -> int:
        """How many rows were rejected or lost a value."""
        return self.rejects.count + self.notes.count

    @property
    def named(self) -> list[Reject]:
        """The first rejects, then the first values that were dropped."""
        return self.rejects.named + self.notes.named

    @property
    def problems(self) -> str:
        """How many rows were rejected or lost a value, and the first few of them."""
        notes = f", {self.notes.count:,} values dropped" if self.notes.count else ""
        lines = [f"{self.rejects.count:,} of {self.read:,} rows rejected{notes}"]
        lines += [str(reject) for reject in self.named[:SHOWN]]
        if self.bad_rows > SHOWN:
            lines.append(f"... and {self.bad_rows - SHOWN:,} more (simrec rejects)")
        return "\n".join(lines)
