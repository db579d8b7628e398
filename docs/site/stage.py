"""Copies the pages of the documentation and mkdocs.yml into one folder, for a generator of sites.

    python docs/site/stage.py build

Every page links by its place in the repository, so links work on a git host as they are. On the site the
READMEs of stages and families have places of their own, so links are written anew; one to a file that is no
page leads to the repository's address, if pyproject.toml names it (`[project.urls] Repository`), and is shown
as the file's name otherwise. Lists are set as Python-Markdown wants them. Nothing here is of one generator.
"""

import posixpath
import re
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIXED = {
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "helm/slmworks/README.md": "helm.md",
    "docs/README.md": "index.md",
    "docs/site/style.css": "style.css",
}
"""Path in the repository -> path in the site."""
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
NESTED = re.compile(r"^(?P<indent>(?: {2})+)(?=(?:[-*]|\d+\.) )", re.MULTILINE)
"""The indent of an item in a list of a list: a git host wants two spaces a level, Python-Markdown four."""
LINK = re.compile(r"(?P<text>\[(?:[^\[\]]|\[[^\[\]]*\])*\])\((?P<path>[^()\s#:]+)(?P<anchor>#[^()\s]*)?\)")


def places(root: Path = ROOT) -> dict[str, str]:
    """Path in the repository -> path in the site, of every page and picture."""
    docs = [path for path in (root / "docs").rglob("*") if path.suffix in (".md", ".png", ".svg")]
    found = {str(path.relative_to(root)): str(path.relative_to(root / "docs")) for path in docs}
    for folder, target in (("components/slmworks", "rooms"), ("plugins", "families")):
        for path in root.glob(f"{folder}/*/README.md"):
            found[str(path.relative_to(root))] = f"{target}/{path.parent.name}.md"
    return found | FIXED


def address(root: Path = ROOT) -> str:
    """The repository's address; empty where it has none."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project.get("urls", {}).get("Repository", "")).rstrip("/")


def staged(text: str, here: str, site: dict[str, str], repository: str = "") -> str:
    """A page's text as it is on the site; `here`: its path in the repository."""
    pieces, end = [], 0
    follow = _follower(here, site, repository)

    def prose(part: str) -> str:
        return NESTED.sub(lambda found: 2 * found["indent"], _lists_apart(LINK.sub(follow, part)))

    for fence in FENCE.finditer(text):
        pieces += [prose(text[end : fence.start()]), fence[0], "\n"]
        end = fence.end()
    return "".join([*pieces, prose(text[end:])])


def _lists_apart(text: str) -> str:
    """With a blank line between a paragraph and a list right below it, which Python-Markdown wants."""
    lines: list[str] = []
    within = False
    for line in text.split("\n"):
        item = bool(re.match(r"[-*] |1\. ", line))
        if item and not within and lines and lines[-1].strip():
            lines.append("")
        within = item or (within and bool(line.strip()))
        lines.append(line)
    return "\n".join(lines)


def _follower(here: str, site: dict[str, str], repository: str) -> Callable[[re.Match[str]], str]:
    def follow(link: re.Match[str]) -> str:
        text, anchor = link["text"], link["anchor"] or ""
        place = posixpath.normpath(posixpath.join(posixpath.dirname(here), link["path"]))
        if place in site:
            target = posixpath.relpath(site[place], posixpath.dirname(site[here]) or ".")
            return f"{text}({target}{anchor})"
        if repository:
            return f"{text}({repository}/blob/HEAD/{place}{anchor})"
        words = text[1:-1]
        return f"`{place}`" if words.strip("`") == place else f"{words} (`{place}`)"

    return follow


def main(build: Path) -> None:
    """Write `mkdocs.yml` and all pages, in `docs/`, which is emptied first."""
    shutil.rmtree(build / "docs", ignore_errors=True)
    site, repository = places(), address()
    for place, page in site.items():
        source, copy = ROOT / place, build / "docs" / page
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            copy.write_text(staged(source.read_text("utf-8"), place, site, repository), encoding="utf-8")
        else:
            shutil.copyfile(source, copy)
    shutil.copyfile(ROOT / "docs/site/mkdocs.yml", build / "mkdocs.yml")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
