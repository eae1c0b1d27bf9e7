"""Related articles and related accounts, every night, on one ordinary machine.

The face of the library, loaded when it is used:

    with simrec.open("workspace") as recommender:
        hits = recommender.similar("1861-Lincoln-1/13")
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simrec.errors import (
        ConfigError,
        GateError,
        LockedError,
        ReleaseError,
        SimrecError,
        UnknownIdError,
        UsageError,
    )
    from simrec.recommend.hits import (
        AccountHit,
        ArticleDetails,
        Evidence,
        Explanation,
        Hit,
        StoryArticle,
    )
    from simrec.recommend.query import Filters, Query
    from simrec.recommend.recommender import Recommender

__version__ = "0.1.0"

# onnxruntime 1.29 and later report to a collector unless told otherwise before they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
__all__ = [
    "AccountHit",
    "ArticleDetails",
    "ConfigError",
    "Evidence",
    "Explanation",
    "Filters",
    "GateError",
    "Hit",
    "LockedError",
    "Query",
    "Recommender",
    "ReleaseError",
    "SimrecError",
    "StoryArticle",
    "UnknownIdError",
    "UsageError",
    "open",
]

_MODULES = {
    "Filters": "recommend.query",
    "Query": "recommend.query",
    "Recommender": "recommend.recommender",
    "AccountHit": "recommend.hits",
    "ArticleDetails": "recommend.hits",
    "Evidence": "recommend.hits",
    "Explanation": "recommend.hits",
    "Hit": "recommend.hits",
    "StoryArticle": "recommend.hits",
}


def open(workspace: str | os.PathLike[str], reload: bool = True) -> "Recommender":
    """Open a workspace's current release to ask it; use it as a context manager, or close it.

    With `reload`, answers come from the newest release as soon as it is published; without, from
    the one that is current now, also after it is pruned. ReleaseError without a workspace or a
    release.
    """
    from simrec.recommend.recommender import Recommender

    return Recommender.open(workspace, reload)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562), so that importing simrec stays light."""
    if name not in __all__:
        raise AttributeError(f"module 'simrec' has no attribute '{name}'")
    return getattr(import_module(f"simrec.{_MODULES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
