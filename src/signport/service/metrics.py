"""What Prometheus is told. No label holds anything that a client can make up."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from signport.service.worker_pool import WorkerPool

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_NO_ROUTE = "none"


class Metrics:
    """The figures of one application, in a registry of its own.

    Attributes:
        num_live: Live connections that are open.
    """

    def __init__(self, pool: WorkerPool) -> None:
        """Counts requests, and looks at the pool when asked."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "signport_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "signport_request_seconds",
            "Time from a request's head to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.num_live = 0
        for name, text, figure in (
            ("live_connections", "Live connections open.", lambda: self.num_live),
            ("queue_length", "Pictures and clips that wait for a worker.", lambda: pool.waiting),
            ("workers_busy", "Workers that are looking at something.", lambda: pool.busy),
            ("workers_ready", "Workers that can answer, busy or idle.", lambda: pool.ready),
        ):
            Gauge(f"signport_{name}", text, registry=self._registry).set_function(figure)
        restarts = Counter("signport_worker_restarts", "Workers that ended and were replaced.", registry=self._registry)
        pool.on_restart = restarts.inc

    def count(self, scope: Any, status: int, seconds: float) -> None:
        """Counts a request that was answered."""
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)
