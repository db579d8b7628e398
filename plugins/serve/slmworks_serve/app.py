"""The HTTP service: the release that answers now, its queue, its meters, and the pages around them.

Loads what the release's runtime needs; never MLflow. It checks no digest and asks no registry: `run.py` and
`follow.py` do that before a release gets here.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from slmworks.contract.plain_text import one_line
from slmworks_serve.batches import Batches
from slmworks_serve.endpoint import Endpoint
from slmworks_serve.limits import Limits
from slmworks_serve.messages import DialectReader, Reader, RowsReader
from slmworks_serve.metrics import Metrics
from slmworks_serve.model import Loaded
from slmworks_serve.openapi import openapi
from slmworks_serve.page import page
from slmworks_serve.prefix import HEADER, prefix_of

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response


class Service:
    """One server's state. `model` is replaced whole: a request keeps the one it started with."""

    def __init__(self, model: Loaded, threads: int, limits: Limits | None = None, prefix: str = "") -> None:
        """`threads` batches are computed side by side, each on one thread.

        `prefix`: the path under which a gateway shows the server; "": what the gateway says.
        """
        self.model, self.prefix = model, prefix
        self.limits = limits or Limits()
        self.metrics = Metrics()
        self.metrics.serves(model.served)
        self.batches = Batches(
            threads,
            max_batch=self.limits.max_batch,
            max_queue=self.limits.max_queue,
            seen=self.metrics.batch,
        )
        self.withdrawn = ""
        """Why nothing is answered any more: the model was taken out of service."""
        self.stopping: Callable[[], bool] = lambda: False
        """Whether the server was told to stop; then it is alive, but no longer ready."""

    def switch(self, model: Loaded) -> None:
        """Answer with another release from the next request on; any thread may call this."""
        self.model, self.withdrawn = model, ""
        self.metrics.serves(model.served)
        self.metrics.switched(model.served.version)

    def withdraw(self, why: str) -> None:
        """Answer nothing until there is another release to switch to; any thread may call this."""
        self.withdrawn = why
        self.say(why)

    def say(self, line: str) -> None:
        """One line for whoever runs the server."""
        print(f"slmworks: {self.model.served.name}: {one_line(line)}", file=sys.stderr, flush=True)


def create_app(service: Service) -> "Starlette":
    """The ASGI application around a service."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import HTMLResponse, JSONResponse, Response
    from starlette.routing import Mount, Route

    varies = {"vary": HEADER}

    async def health(_: "Request") -> "Response":
        return JSONResponse({"status": "ok"})

    async def ready(_: "Request") -> "Response":
        model = service.model
        status = "stopping" if service.stopping() else "withdrawn" if service.withdrawn else "ready"
        found = {"status": status, **vars(model.served), "model_task": model.task.name, **model.shared}
        return JSONResponse(found, 200 if status == "ready" else 503)

    async def metrics(_: "Request") -> "Response":
        return Response(
            service.metrics.text(len(service.batches)), headers={"content-type": service.metrics.content_type}
        )

    async def document(request: "Request") -> "Response":
        prefix = prefix_of(request, service.prefix)
        return JSONResponse(openapi(service.model, prefix), headers=varies)

    async def docs(request: "Request") -> "Response":
        prefix, url = prefix_of(request, service.prefix), request.url
        document = openapi(service.model, prefix)
        origin = f"{url.scheme}://{url.netloc}"
        return HTMLResponse(page(document, origin, prefix, service.model.task), headers=varies)

    async def not_found(request: "Request", error: Exception) -> "JSONResponse":
        assert isinstance(error, HTTPException)
        there = f"{prefix_of(request, service.prefix)}/docs"
        line = f"{request.method} {request.url.path[:200]}: {error.detail}. See {there}."
        return JSONResponse({"error": line}, error.status_code, headers=error.headers)

    task = service.model.task
    question = RowsReader(task)
    readers: dict[str, Reader] = {
        task.route: question,
        **{one.route: DialectReader(one, question.one) for one in task.dialects},
    }
    routes = [
        *(Route(f"/{path}", Endpoint(service, one), methods=["POST"]) for path, one in readers.items()),
        Route("/health", health),
        Route("/ready", ready),
        Route("/metrics", metrics),
        Route("/openapi.json", document),
        Route("/docs", docs),
        Route("/", docs),
    ]
    # A gateway may take the prefix away or leave it.
    behind = [Mount(service.prefix, routes=routes)] if service.prefix else []
    return Starlette(routes=[*behind, *routes], exception_handlers={HTTPException: not_found})
