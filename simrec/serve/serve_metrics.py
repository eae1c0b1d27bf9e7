"""What the server counts for Prometheus."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from simrec.serve.current_release import CurrentRelease
from simrec.serve.search_slots import SearchSlots

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds


class ServeMetrics:
    """Requests by path and status, how long they took, searches at work, and the release."""

    def __init__(self, current: CurrentRelease, slots: SearchSlots) -> None:
        self._current = current
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "simrec_serve_requests",
            "Requests that were answered, by path and status.",
            ["path", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "simrec_serve_seconds",
            "How long answers took.",
            ["path"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        searches = Gauge(
            "simrec_serve_searches",
            "Texts and searches at work or waiting.",
            registry=self._registry,
        )
        searches.set_function(lambda: slots.in_use)
        created = Gauge(
            "simrec_serve_release_created_timestamp_seconds",
            "When the release that answers was made; 0 if there is none.",
            registry=self._registry,
        )
        created.set_function(self._created)
        newest = Gauge(
            "simrec_serve_newest_release_answers",
            "Whether the release that CURRENT names answers.",
            registry=self._registry,
        )
        newest.set_function(lambda: not current.problem)

    def count(self, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def as_text(self) -> bytes:
        """Return all as Prometheus reads it."""
        return generate_latest(self._registry)

    def _created(self) -> float:
        """Return when the release that answers was made, 0 if there is none."""
        manifest = self._current.manifest
        return datetime.fromisoformat(manifest.created_at).timestamp() if manifest else 0.0
