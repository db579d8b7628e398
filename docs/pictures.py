#!/usr/bin/env python3
"""Makes the pictures of these pages: the terminal's as SVG, the reviewer's page as PNG, from two small runs.

    python docs/pictures.py      a minute or two; the page needs Chromium (CHROMIUM names it)

The tiny generator is run in an empty store, approved, and run again with half the epochs.
"""

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

DOCS = Path(__file__).parent
PICTURES = DOCS / "pictures"
RECIPE = DOCS.parent / "pipelines/tiny-generator.yaml"
COLUMNS = 110
FONTS = re.compile(r"@font-face \{.*?\}\n", re.DOTALL)
"""What rich's SVG would fetch."""
SIZE = (1200, 1700)
"""Of the page, in pixels."""
COLOURS = 64


def main() -> int:
    """Write all pictures into docs/pictures/."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder))
    return 0


def draw(folder: Path) -> None:
    """Run, and take pictures of what came out; `folder` is empty."""
    slmworks(folder, "run", str(RECIPE))
    slmworks(folder, "approve", "lights", "--because", "it knows its ten wordings")
    slmworks(folder, "run", str(RECIPE), "--set", "model.epochs=6")
    terminal(folder, "compare", "lights@1", "lights@2")
    terminal(folder, "leaderboard", "lights")
    pages = sorted(folder.glob(".slmworks/runs/*/gate.html"))
    photograph(pages[0], PICTURES / "page.png")


def slmworks(folder: Path, *words: str) -> None:
    """A command as a person types it."""
    subprocess.run(command(*words), cwd=folder, env=environment(), check=True)


def command(*words: str) -> list[str]:
    """The words of a process."""
    return [sys.executable, "-m", "slmworks", *words]


def environment() -> dict[str, str]:
    """Of a person called ada, in a terminal of a known width."""
    return {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color", "LOGNAME": "ada"}


def terminal(folder: Path, *words: str) -> None:
    """What a command prints into a terminal, as `docs/pictures/<command>.svg`."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command(*words), cwd=folder, env=environment(), stdout=theirs) as process:
        os.close(theirs)
        printed = bytearray()
        try:
            while data := os.read(ours, 65536):
                printed += data
        except OSError:  # the other end is closed: Linux
            pass
    os.close(ours)
    if process.returncode:
        raise SystemExit(f"slmworks {' '.join(words)}: ended with {process.returncode}")
    drawn = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    drawn.print(Text.from_ansi(printed.decode().replace("\r\n", "\n")), highlight=False)
    title = " ".join(("slmworks", *words))
    text = drawn.export_svg(title=title, theme=MONOKAI, unique_id=words[0])
    (PICTURES / f"{words[0]}.svg").write_text(FONTS.sub("", text), encoding="utf-8")


def photograph(page: Path, picture: Path) -> None:
    """The beginning of a page as a PNG of few colours; nothing without a browser."""
    from PIL import Image

    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    browser = next(filter(None, map(shutil.which, filter(None, names))), None)
    if browser is None:
        print(f"{picture.name} is left as it was: no Chromium; name one in CHROMIUM.")
        return
    with tempfile.TemporaryDirectory() as profile:
        size = ",".join(map(str, SIZE))
        taken = Path(profile) / "page.png"
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", page.as_uri()]
        words += [f"--user-data-dir={profile}", f"--window-size={size}", f"--screenshot={taken}"]
        subprocess.run([browser, *words], check=True, capture_output=True)
        with Image.open(taken) as image:
            image.convert("RGB").quantize(COLOURS).save(picture, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
