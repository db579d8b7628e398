"""A server process, and how to talk to it byte by byte."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

SERVE = """
import runpy
from slmworks_serve import follow
follow.Follow.__init__.__defaults__ = (0.1,)
runpy.run_module('slmworks', run_name='__main__')
"""
HEAD = b"POST /classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


class Server:
    """A server process and how to talk to it, byte by byte."""

    def __init__(self, url, *words, files=0, env=None, **limits):
        """`words` and `limits` are options; `files`: how many files it may have open."""
        options = [f"--{name.replace('_', '-')}={value}" for name, value in limits.items()]
        command = [sys.executable, "-c", SERVE, "serve", "reviews", "--store", url.removeprefix("file://")]
        command += ["--port=0", "--threads=1", *options, *words]
        if files:
            command = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *command]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = self.process.stdout.readline()
        """Its first line; empty if it refused to start."""
        ports = [int(found) for found in re.findall(r":(\d+)/", self.said)]
        self.port, self.metrics_port = (ports[0], ports[-1]) if ports else (0, 0)

    def connect(self, port=0):
        return socket.create_connection(("127.0.0.1", port or self.port), 30)

    def send(self, *parts, pause=0.0, port=0):
        """Everything that comes back, until the server closes or nothing more comes for a while."""
        with self.connect(port) as sock:
            for part in parts:
                sock.sendall(part)
                time.sleep(pause)
            return reply(sock)

    def ask(self, *texts):
        return self.send(question(*texts))

    def get(self, path, *headers, port=0):
        head = "\r\n".join([f"GET {path} HTTP/1.1", "host: localhost", *headers, "", ""])
        return self.send(head.encode(), port=port)

    def metrics(self):
        return self.get("/metrics")[2].splitlines()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=20)
        return self.process.returncode, said


def question(*texts):
    """A whole request."""
    body = json.dumps({"texts": texts}).encode()
    return HEAD + b"content-length: %d\r\n\r\n" % len(body) + body


def reply(sock):
    """(status, head, body) of one answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        got = sock.recv(65536)
        if not got:
            break
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if b"content-length" in x), 0)
    while len(body) < length and (got := sock.recv(65536)):
        body += got
    return int(head.split()[1]), head.decode().lower(), body.decode()


def until(happened, seconds=20):
    """Wait for something to happen, not for ever."""
    limit = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < limit
        time.sleep(0.02)
