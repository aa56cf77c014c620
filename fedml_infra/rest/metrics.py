"""Figures for Prometheus: requests, how long they took, jobs by state. No label tells of a customer."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from fedml_infra.store.jobs import Jobs

BUCKETS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0)
"""Seconds."""


class Metrics:
    """The figures of one app, in a registry of its own."""

    def __init__(self, jobs: Jobs) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "fedml_requests", "Requests, by route and status.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "fedml_request_seconds", "How long answers took.", ("route",), buckets=BUCKETS, registry=self.registry
        )
        self.registry.register(_JobFigures(jobs))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answer. `route`: the route's template, as a path may hold anything."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class _JobFigures(Collector):
    """Read from the store at each look, as several processes may work on the jobs."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Without this, registering would look into the store."""
        yield GaugeMetricFamily("fedml_jobs", "Jobs that are kept, by state.", labels=("state",))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Jobs by state."""
        figures = GaugeMetricFamily("fedml_jobs", "Jobs that are kept, by state.", labels=("state",))
        for state, number in self._jobs.counts().items():
            figures.add_metric((str(state),), number)
        yield figures
