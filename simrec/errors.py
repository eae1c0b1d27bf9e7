"""SimrecError and its kinds: a sentence that says what to do, and an exit code."""

from collections.abc import Sequence


class SimrecError(Exception):
    """What went wrong, with the value, and what to do; the exit code is what cron sees."""

    exit_code = 1


class UsageError(SimrecError):
    """The command line asks for something that cannot be done."""

    exit_code = 2


class ConfigError(SimrecError):
    """The configuration or the machine (missing extra, full or read-only disk) has to be mended."""

    exit_code = 3


class UnknownIdError(SimrecError):
    """No article or account of that id is in the release; nearest are the ids that are like it."""

    exit_code = 4

    def __init__(self, message: str, nearest: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.nearest = tuple(nearest)


class ReleaseError(SimrecError):
    """There is no release, encoder or staged artifact, or it is not what its manifest says."""

    exit_code = 5


class LockedError(SimrecError):
    """Another run holds the workspace."""

    exit_code = 6


class GateError(SimrecError):
    """A check refused to let this input or this release pass; nothing published was changed."""

    exit_code = 7


def missing_extra(extra: str, what: str) -> ConfigError:
    """Return the error for a library that only an extra installs."""
    return ConfigError(
        f"{what} needs packages that are not installed: pip install 'simrec[{extra}]'"
    )
