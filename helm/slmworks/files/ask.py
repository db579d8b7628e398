"""What `helm test` runs: asks a server for its health and, of its own description, the example question.

python3 -c SCRIPT ADDRESS [FILE WITH TOKENS]
"""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ADDRESS, TOKENS = sys.argv[1], sys.argv[2:]
PATIENCE = 60
"""Seconds in which a server that has just been rolled out must be reached."""


def token() -> str:
    """The first of the server's tokens; empty where it asks for none."""
    lines = [line.strip() for path in TOKENS for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return next((line for line in lines if line and not line.startswith("#")), "")


def ask(path: str, body: object = None) -> dict:
    """The answer to a request."""
    headers = {"content-type": "application/json"}
    if TOKENS:
        headers["authorization"] = f"Bearer {token()}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(ADDRESS + path, data, headers)  # noqa: S310 - the chart's own address
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=30) as reply:
        return json.load(reply)


def reached() -> dict:
    """The server's health, once it can be reached."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return ask("/health")
        except urllib.error.HTTPError:
            raise
        except OSError as error:
            if time.monotonic() > until:
                sys.exit(
                    f"{ADDRESS} is not reached ({error}). Are its pods ready? kubectl get pods says it, and "
                    "kubectl logs -c pull why not."
                )
            time.sleep(2)


try:
    print("health", json.dumps(reached()))
    path, question = next(
        (path, about["post"]["requestBody"]["content"]["application/json"]["examples"]["one"]["value"])
        for path, about in ask("/openapi.json")["paths"].items()
        if "post" in about
    )
    print("asked", path, json.dumps(question, ensure_ascii=False))
    print("answer", json.dumps(ask(path, question), ensure_ascii=False))
except urllib.error.HTTPError as error:
    sys.exit(f"{error.url} answers {error.code}: {error.read().decode(errors='replace')[:500]}")
