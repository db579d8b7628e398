"""Commands as a person runs them."""

import os
import subprocess
import sys
from pathlib import Path


class Line:
    """A folder in which commands run as a person would run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = ""

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a command; gives all it printed."""
        ended = subprocess.run(
            [sys.executable, "-m", "slmworks", *words], cwd=self.folder, capture_output=True, text=True,
            check=False, timeout=600, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr
