"""Encodes the texts that suites query with; those of earlier nights are not encoded again."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from simrec.encoder.query_cache import Encode, with_query_cache
from simrec.encoder.runtime import Encoder
from simrec.steps.night import Night
from simrec.tasks.local import worker_count


def query_encoder(night: Night, encoder_id: str, may_store: bool = True) -> Encode:
    """Return what encodes queries with an encoder of the workspace, which is opened when needed.

    Without `may_store` nothing is written; only the holder of the lock may write.
    """
    workspace = night.workspace

    def encode(texts: Sequence[str]) -> NDArray[Any]:
        encoder = Encoder(workspace.encoder(encoder_id), worker_count(night.config.engine.workers))
        return encoder.encode(texts)

    return with_query_cache(encode, workspace.query_cache(encoder_id), may_store)
