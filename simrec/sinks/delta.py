"""The door to Delta Lake tables, which need the extra `delta`."""

from collections.abc import Sequence

from simrec.config import SinkConfig
from simrec.errors import missing_extra
from simrec.manifest import Manifest
from simrec.sinks.sink_table import SinkTable


def write(sink: SinkConfig, tables: Sequence[SinkTable], manifest: Manifest) -> bool:
    """Make each table hold a release by one commit; return False if all of them do already."""
    try:
        from simrec.sinks import delta_sink
    except ModuleNotFoundError as error:
        raise missing_extra("delta", "a Delta Lake table") from error
    return delta_sink.write(sink, tables, manifest)
