"""How much of an ingest may be bad before it is refused, and what it then says."""

from simrec.articles.ingested import Ingested
from simrec.config import Config
from simrec.errors import ConfigError, GateError, SimrecError

FEW_BAD_ROWS = 10  # in a read since a watermark: no sign that the mapping is wrong
FEW_WITHDRAWN = 10  # articles, however few there are


def check_taken(result: Ingested, config: Config) -> None:
    """Raise an error if too many sources, rows or articles are not what they are to be."""
    _check_failures(result, config)
    _check_rejects(result, config)
    _check_withdrawn(result, config)


def _check_rejects(result: Ingested, config: Config) -> None:
    """Raise GateError if too many of the rows are bad."""
    most = config.ingest.max_reject_share
    few = FEW_BAD_ROWS if any(source.watermark for source in config.sources) else 0
    if result.rejects.count > max(most * result.read, few):
        raise GateError(
            f"{result.problems}\nthat is more than ingest.max_reject_share = {most:.0%}; "
            "no article was changed. Mend the rows or the field mapping; "
            "simrec rejects lists all of them"
        )


def _check_withdrawn(result: Ingested, config: Config) -> None:
    """Raise GateError if too many articles are drafts again."""
    count = result.withdrawn + result.new + result.changed + result.unchanged
    most = config.ingest.max_delete_share
    if result.withdrawn > max(most * count, FEW_WITHDRAWN):
        raise GateError(
            f"{result.withdrawn:,} articles that were published are not any more "
            f"({result.left_out}), which is more than ingest.max_delete_share = {most:.0%}; "
            "no article was changed. If it is meant, raise the share; if not, see ingest.status "
            "and the fields status, draft and published"
        )


def check_deletions(count: int, articles: int, config: Config) -> None:
    """Raise GateError if a sync would delete too many of the articles."""
    most = config.ingest.max_delete_share
    if count > most * articles:
        raise GateError(
            f"sync would delete {count:,} of {articles:,} articles that no source holds any "
            f"more, which is more than ingest.max_delete_share = {most:.0%}; "
            "no article was changed. "
            "Is a file missing or cut short? If it is meant, raise the share or name the articles "
            "in ingest.deletions"
        )


def _check_failures(result: Ingested, config: Config) -> None:
    """Raise ConfigError if so many sources cannot be read that nothing is to be changed."""
    if not result.failed or _is_bearable(result, config):
        return
    if result.sources == 1:
        (error,) = result.failed.values()
        raise error
    most = config.ingest.max_failed_sources
    why = f"more than ingest.max_failed_sources = {most} allows"
    if result.unread == result.sources:
        why = "all of them"
    raise ConfigError(
        f"{result.failures}\n{result.unread} of {result.sources} sources cannot be read, {why}; "
        "no article was changed. Mend them and run the same command"
    )


def check_damage(result: Ingested, config: Config) -> None:
    """Note what an ingest went on without; raise it if that is too much for a night to go on."""
    if not result.unread:
        return
    result.failure = _failure(result)
    if not _is_bearable(result, config):
        raise result.failure


def _failure(result: Ingested) -> SimrecError:
    if not result.failed:
        damaged = "\n".join(result.damaged)
        return GateError(
            f"{damaged}\nthe {result.read - result.rejects.count:,} good rows were kept and "
            "nothing of a damaged source was deleted by sync; send the file again and run the same "
            "command"
        )
    return ConfigError(
        f"{result.failures}\n{result.unread} of {result.sources} sources could not be read; their "
        "articles stay as they were, and the other sources came in. Mend them and run the same "
        "command"
    )


def _is_bearable(result: Ingested, config: Config) -> bool:
    """Tell whether the other sources are worth a night: some were read, and few were not."""
    return result.unread <= config.ingest.max_failed_sources and result.unread < result.sources
