"""The HTTP service: one release, one question at a time or many at once.

Loads ONNX Runtime, tokenizers and numpy; never torch, never MLflow. It checks no digest and asks no
registry: `run.py` does that before there is an app.
"""

import asyncio
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from slmworks.release import EXAMPLE
from slmworks_serve.limit import BodyLimit
from slmworks_serve.page import page

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse

MAX_TEXTS = 1000
"""Texts in one request; more belong in several."""


@dataclass(frozen=True)
class Served:
    """Which release this is, for every answer and for those who ask `/ready`."""

    name: str
    version: int
    model_digest: str
    wrapper_digest: str


class Question(BaseModel):
    """One text, or several."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"examples": [{"text": EXAMPLE}, {"texts": [EXAMPLE, "…"]}]},
    )

    text: str | None = None
    """One text to classify."""
    texts: Annotated[list[str], Field(max_length=MAX_TEXTS)] | None = None
    """Texts to classify together."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.text is None) == (self.texts is None):
            raise ValueError("give either 'text' or 'texts'")
        return self


class Answer(BaseModel):
    """What the model says about one text."""

    label: str
    score: float
    """Probability of the label, 0 to 1."""
    scores: dict[str, float]
    """Probability of every label; they add up to 1."""


class One(Answer):
    """The answer to `{"text": …}`, and who gave it."""

    model: str
    version: int


class Many(BaseModel):
    """The answers to `{"texts": […]}`, in order, and who gave them."""

    model: str
    version: int
    answers: list[Answer]


class Ready(BaseModel):
    """The release that answers."""

    status: str
    name: str
    version: int
    model_digest: str
    wrapper_digest: str
    labels: list[str]


def create_app(release: Path, served: Served, threads: int) -> "FastAPI":
    """Load the release in folder `release` and return the app; `threads` requests compute side by side.

    Each computes on one thread: requests spread over the cores better than one short text does.
    """
    from fastapi import FastAPI, Request
    from fastapi.responses import HTMLResponse

    from slmworks.runtimes.onnx_classifier import OnnxClassifier

    classifier = OnnxClassifier(release / "model", 1)
    classifier.classify([EXAMPLE])  # the first call is slow; nobody should wait for it
    pool = ThreadPoolExecutor(threads, thread_name_prefix="classify")
    app = FastAPI(
        title=f"{served.name} v{served.version}",
        version=str(served.version),
        description=f"Text classifier, model sha256:{served.model_digest}.",
        docs_url=None,
        redoc_url=None,
    )

    async def classify(texts: Sequence[str]) -> list[dict[str, Any]]:
        call = functools.partial(classifier.classify, texts)
        return await asyncio.get_running_loop().run_in_executor(pool, call)

    @app.post("/classify")
    async def _classify(question: Question) -> One | Many:
        """Label one text, or many."""
        who = {"model": served.name, "version": served.version}
        if question.text is not None:
            (answer,) = await classify([question.text])
            return One(**answer, **who)
        return Many(answers=[Answer(**found) for found in await classify(question.texts or [])], **who)

    @app.get("/health")
    async def _health() -> dict[str, str]:
        """Say that the process is alive."""
        return {"status": "ok"}

    @app.get("/ready")
    async def _ready() -> Ready:
        """Say that the model is loaded, and which one it is."""
        return Ready(status="ready", labels=classifier.labels, **vars(served))

    @app.get("/docs", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def _docs(request: Request) -> HTMLResponse:
        return HTMLResponse(page(app.openapi(), str(request.base_url).rstrip("/"), EXAMPLE))

    _say_errors_in_one_line(app)
    app.add_middleware(BodyLimit)
    return app


def _say_errors_in_one_line(app: "FastAPI") -> None:
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    async def refused(_: "Request", error: "RequestValidationError") -> "JSONResponse":
        status, line = _line(error.errors()[0])
        return JSONResponse({"error": line}, status)

    async def not_found(request: "Request", error: HTTPException) -> "JSONResponse":
        line = f"{request.method} {request.url.path}: {error.detail}. See /docs."
        return JSONResponse({"error": line}, error.status_code, headers=error.headers)

    app.exception_handler(RequestValidationError)(refused)
    app.exception_handler(HTTPException)(not_found)


def _line(error: dict[str, Any]) -> tuple[int, str]:
    """Status and one line for the first thing that is wrong with a question."""
    way_out = 'Send {"text": "…"} or {"texts": ["…", "…"]} with content-type: application/json.'
    if error["type"] == "json_invalid":
        return 400, f"the body is not JSON ({error['ctx']['error']}). {way_out}"
    place = ".".join(str(part) for part in error["loc"][1:])
    what = str(error["msg"]).removeprefix("Value error, ")
    return 422, f"{place + ': ' if place else ''}{what}. {way_out}"
