"""The door to mirrors, which need the extra `mirror`."""

from typing import TYPE_CHECKING

from simrec.config import MirrorConfig
from simrec.errors import missing_extra
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.release import Release
    from simrec.sinks.mirror_push import MirrorCounts

MIRROR = "mirror"  # the extra


def push(workspace: Workspace, release: "Release", mirror: MirrorConfig) -> "MirrorCounts | None":
    """Make a mirror hold a release, and point at it; None if it does already."""
    try:
        from simrec.sinks import mirror_push
    except ModuleNotFoundError as error:
        raise missing_extra(MIRROR, "a mirror") from error
    return mirror_push.push(workspace, release, mirror.path, mirror.keep)


def pull(workspace: Workspace, address: str, keep: int) -> str:
    """Make a workspace answer from the release that a mirror names; return its id."""
    try:
        from simrec.sinks import mirror_pull
    except ModuleNotFoundError as error:
        raise missing_extra(MIRROR, "a mirror") from error
    return mirror_pull.pull(workspace, address, keep)
