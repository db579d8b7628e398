"""A docker command, and a family's image in the engine that it speaks to."""

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from slmworks import __version__

DOCKER = os.environ.get("DOCKER", "docker")
NAME = os.environ.get("IMAGE", f"slmworks-{{}}:{__version__}")
"""An image's name; `make test-docker` gives REGISTRY's and TAG's."""
FAMILIES = ("core", "text", "torch", "onnx", "inc", "gguf", "serve", "kubernetes")
STRICT = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")


def call(*words: str, code: int = 0) -> str:
    """What a docker command prints to standard output."""
    ended = subprocess.run([DOCKER, *words], capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == code, f"docker {' '.join(words)}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


@dataclass(frozen=True)
class Image:
    """One family's image."""

    family: str

    @property
    def name(self) -> str:
        """What it is called in the engine."""
        return NAME.format(self.family)

    @property
    def config(self) -> dict[str, Any]:
        """What the image says of itself."""
        return dict(json.loads(call("image", "inspect", self.name))[0]["Config"])

    def __call__(self, *words: str, flags: tuple[str, ...] = (), code: int = 0) -> str:
        """Run a command in a container of its own, without network; gives what it prints."""
        return call("run", "--rm", "--network=none", *STRICT, *flags, self.name, *words, code=code)

    def start(self, *words: str, flags: tuple[str, ...] = ()) -> str:
        """Start a command in a container that has a network, and give the container."""
        return call("run", "--detach", *STRICT, *flags, self.name, *words).strip()


def built(family: str) -> Image:
    """A family's image; the test is skipped where it was not built."""
    image = Image(family)
    found = subprocess.run([DOCKER, "image", "inspect", image.name], capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"no image {image.name}; make images IMAGES={family}")
    return image
