"""Figures of the store and the server over HTTP, for Prometheus, and a sign of life."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mq.serve.figures import Figures
from mq.serve.http.messages import HttpRequest, HttpResponse
from store.model.errors import MqError
from store.model.metrics import to_openmetrics

if TYPE_CHECKING:
    from store.aio import AsyncStore

_CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class MetricsPage:
    """`/metrics` and `/health`."""

    def __init__(
        self,
        store: AsyncStore,
        figures: Figures,
        connections: Callable[[], Iterable[tuple[str, int]]],
    ) -> None:
        self._store = store
        self._figures = figures
        self._connections = connections

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request for a page."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse.text("only GET\n", 405)
        try:
            if request.path == "/metrics":
                families = await self._store.metrics()
                text = to_openmetrics([*families, *self._figures.families(self._connections())])
                return HttpResponse(200, text.encode(), _CONTENT_TYPE)
            if request.path == "/health":
                await self._store.changed()
                return HttpResponse.of_json({"status": "running"})
        except MqError as error:
            return HttpResponse.of_json({"status": "failing", "error": error.message}, 503)
        return HttpResponse.text("there are /metrics and /health\n", 404)
