"""An S3-speaking server (moto) on 127.0.0.1 that can be told to misbehave.

    python s3_server.py PORT

Requests are answered one at a time: moto looks and then writes, where S3 decides in one step.
`PUT /_fault` with JSON sets what goes wrong from then on, for requests whose method and path match:

    method, match    which requests ("" matches all)
    times            how many of them; -1: all
    status, code     the answer, instead of S3's
    late             the request is carried out, only its answer is replaced
    strip            this header is not seen ("HTTP_IF_NONE_MATCH")
    delay            seconds before it is carried out
"""

import json
import os
import sys
import threading
import time
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


class Faulty:
    def __init__(self) -> None:
        self.s3 = DomainDispatcherApplication(create_backend_app)
        self.one_at_a_time = threading.RLock()
        self.fault: dict[str, Any] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path == "/_fault":
            size = int(environ.get("CONTENT_LENGTH") or 0)
            self.fault = json.loads(environ["wsgi.input"].read(size) or b"{}")
            start_response("200 OK", [])
            return [b""]
        fault = self.due(environ["REQUEST_METHOD"], path)
        time.sleep(fault.get("delay", 0))
        environ.pop(fault.get("strip", ""), None)
        if "status" in fault:
            if fault.get("late"):
                self.carry_out(environ, lambda *_: None)
            else:
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(f"{fault['status']} Fault", [("Content-Type", "application/xml")])
            return [f"<Error><Code>{fault.get('code', '')}</Code></Error>".encode()]
        return self.carry_out(environ, start_response)

    def carry_out(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with self.one_at_a_time:
            return list(self.s3(environ, start_response))

    def due(self, method: str, path: str) -> dict[str, Any]:
        fault = self.fault
        matches = fault.get("method", "") in ("", method) and fault.get("match", "") in path
        with self.one_at_a_time:
            if not fault or not matches or fault.get("times", -1) == 0:
                return {}
            fault["times"] = fault.get("times", -1) - 1
            return fault


if __name__ == "__main__":
    port = int(sys.argv[1])
    os.environ["MOTO_PORT"] = str(port)
    make_server("127.0.0.1", port, Faulty(), threaded=True).serve_forever()
