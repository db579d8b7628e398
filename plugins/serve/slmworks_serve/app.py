"""The HTTP service: the release that answers now, its queue, its meters, and the pages around them.

Loads what the release's runtime needs; never MLflow. It checks no digest and asks no registry: `run.py` and
`follow.py` do that before a release gets here.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slmworks.contract.model_task import Answer, Row
from slmworks.contract.plain_text import one_line
from slmworks.contract.runtime import TRUNCATED
from slmworks.contract.scope import IN_SCOPE, META
from slmworks_serve import openai_form
from slmworks_serve.batches import Batches
from slmworks_serve.bodies import Budget
from slmworks_serve.connections import Connections, most_connections
from slmworks_serve.endpoint import Endpoint
from slmworks_serve.generation_metrics import GenerationMetrics
from slmworks_serve.generations import Generations
from slmworks_serve.generative import DialectRoute, RowsRoute
from slmworks_serve.guard import KNOWN
from slmworks_serve.limits import Limits
from slmworks_serve.messages import DialectReader, Reader, RowsReader
from slmworks_serve.metrics import Metrics
from slmworks_serve.model import Loaded
from slmworks_serve.openapi import ALL, Shown, openapi
from slmworks_serve.page import page, policy
from slmworks_serve.prefix import HEADER, prefix_of

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute, Route

    from slmworks.contract.artifact import Model
    from slmworks_serve.guard import App
    from slmworks_serve.hand_off import HandOffs

MODELS = "/v1/models"


class Service:
    """One server's state. `model` is replaced whole: a request keeps the one it started with."""

    def __init__(
        self,
        model: Loaded,
        threads: int,
        limits: Limits | None = None,
        prefix: str = "",
        *,
        digest: bool = True,
        drafts: "Mapping[int, Model] | None" = None,
    ) -> None:
        """`threads` batches are computed side by side, each on one thread; a generator uses all at once.

        `prefix`: the path under which a gateway shows the server; "": what the gateway says. `digest`:
        whether answers may show the beginning of the model's digest. `drafts`: version -> the model that
        guesses tokens ahead of it.
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
        self.threads, self.digest, self.drafts = threads, digest, drafts or {}
        self.created = int(time.time())
        """Seconds since 1970."""
        meters = GenerationMetrics(self.metrics, shown=model.streaming is not None)
        self.generations = Generations(self.limits.max_generations, meters)
        self.budget = Budget(max(self.limits.max_bodies, self.limits.max_body))
        self.connections = Connections(
            most_connections(self.limits.max_connections), dropped=self.metrics.dropped
        )
        self.hand_offs: HandOffs | None = None
        """Keeps questions out of scope, where somebody asked for that."""
        self.withdrawn = ""
        """Why nothing is answered any more: the model was taken out of service."""
        self.stopping: Callable[[], bool] = lambda: False
        """Whether the server was told to stop; then it is alive, but no longer ready."""

    def switch(self, model: Loaded) -> None:
        """Answer with another release from the next request on; any thread may call this."""
        self.model, self.withdrawn = model, ""
        self.metrics.serves(model.served)
        self.metrics.switched(model.served.version)

    def counted(self, model: Loaded, rows: Sequence[Row], answers: Sequence[Answer]) -> None:
        """Count answers, and hand off the questions among them that are out of the model's scope."""
        version = model.served.version
        for answer in answers:
            if label := model.task.counted(answer):
                self.metrics.said(label, version)
        self.metrics.truncated(sum(answer.get(TRUNCATED, False) for answer in answers))
        if META not in model.shared:
            return
        both = zip(rows, answers, strict=True)
        outside = [(row, answer) for row, answer in both if answer.get(IN_SCOPE) is False]
        self.metrics.out_of_scope(len(outside), version)
        if outside and self.hand_offs:
            self.hand_offs.offer(model.task, outside, model.served)

    def withdraw(self, why: str) -> None:
        """Answer nothing until there is another release to switch to; any thread may call this."""
        self.withdrawn = why
        self.say(why)

    def listed(self, name: str = "") -> dict[str, Any]:
        """The models that are served, or the one of a name, as OpenAI's API lists them."""
        one = openai_form.entry(self.model, self.created)
        if not name:
            return {"object": "list", "data": [one]}
        return one if name == one["id"] else openai_form.error(openai_form.unknown_model(name, one["id"]))

    def say(self, line: str) -> None:
        """One line for whoever runs the server."""
        print(f"slmworks: {self.model.served.name}: {one_line(line)}", file=sys.stderr, flush=True)


def create_app(service: Service, shown: Shown = ALL) -> "Starlette":
    """The ASGI application around a service, for those who ask it.

    `shown`: what it says of itself to whom.
    """
    from starlette.responses import HTMLResponse, JSONResponse
    from starlette.routing import Mount, Route

    varies = {"vary": HEADER}

    async def document(request: "Request") -> "Response":
        prefix = prefix_of(request, service.prefix)
        return JSONResponse(openapi(service.model, service.limits, prefix, shown), headers=varies)

    async def docs(request: "Request") -> "Response":
        prefix, url = prefix_of(request, service.prefix), request.url
        document = openapi(service.model, service.limits, prefix, shown)
        origin = f"{url.scheme}://{url.netloc}"
        text = page(document, origin, prefix, service.model.task, service.model.example)
        return HTMLResponse(text, headers={**varies, "content-security-policy": policy(text)})

    async def models(request: "Request") -> "Response":
        said = service.listed(request.path_params.get("model", ""))
        return JSONResponse(said, 404 if "error" in said else 200)

    routes = [
        *(Route(path, models) for path in (MODELS, MODELS + "/{model:path}") if service.model.streaming),
        *(Route(path, one, methods=["POST"]) for path, one in endpoints(service).items()),
        *_watched(service, shown),
        Route("/openapi.json", document),
        Route("/docs", docs),
        Route("/", docs),
    ]
    # A gateway may take the prefix away or leave it.
    at = service.prefix
    behind = [Route(at, docs), Mount(at, routes=routes)] if at else []
    return _routed(service, [*behind, *routes])


def endpoints(service: Service) -> "dict[str, App]":
    """What answers questions, by path; to POST."""
    task = service.model.task
    if service.model.streaming:
        return {
            f"/{task.route}": RowsRoute(service, RowsReader(task)),
            **{f"/{one.route}": DialectRoute(service, one) for one in task.generative_dialects},
        }
    question = RowsReader(task)
    readers: dict[str, Reader] = {
        task.route: question,
        **{one.route: DialectReader(one, question.one) for one in task.dialects},
    }
    return {f"/{path}": Endpoint(service, reader) for path, reader in readers.items()}


def create_apart(service: Service) -> "Starlette":
    """The ASGI application for those who run the server: which release answers, and its metrics."""
    return _routed(service, _watched(service, ALL))


def _routed(service: Service, routes: Sequence["BaseRoute"]) -> "Starlette":
    """An application of routes, each at its one path; what is at none of them is one line of JSON."""
    from starlette.applications import Starlette

    app = Starlette(routes=routes, exception_handlers=_not_found(service))
    app.router.redirect_slashes = False  # a redirect would name the host, and leave out a gateway's prefix
    return app


def _watched(service: Service, shown: Shown) -> list["Route"]:
    """What probes and Prometheus look at."""
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    async def health(_: "Request") -> "Response":
        return JSONResponse({"status": "ok"})

    async def ready(request: "Request") -> "Response":
        model = service.model
        status = "stopping" if service.stopping() else "withdrawn" if service.withdrawn else "ready"
        found = {"status": status}
        if shown.release and request.scope.get(KNOWN, True):
            found |= {**vars(model.served), "model_task": model.task.name, **model.shared}
        return JSONResponse(found, 200 if status == "ready" else 503)

    async def metrics(_: "Request") -> "Response":
        service.generations.measure()
        text = service.metrics.text(len(service.batches), len(service.connections))
        return Response(text, headers={"content-type": service.metrics.content_type})

    found = [Route("/health", health), Route("/ready", ready)]
    return [*found, Route("/metrics", metrics)] if shown.release else found


def _not_found(service: Service) -> dict[Any, Any]:
    """How errors of routing are said: in one line of JSON."""
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    async def said(request: "Request", error: HTTPException) -> "Response":
        there = f"{prefix_of(request, service.prefix)}/docs"
        line = f"{request.method} {request.url.path[:200]}: {error.detail}. See {there}."
        return JSONResponse({"error": line}, error.status_code, headers=error.headers)

    return {HTTPException: said}
