"""The site as `make site` builds it: links and anchors hold in it, nothing is loaded from elsewhere, and it reads as on a git host."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from pages import PAGES, ROOT

MKDOCS = Path(os.environ.get("MKDOCS") or ROOT / ".venv-docs/bin/mkdocs")
sys.path.insert(0, str(ROOT / "docs/site"))
import stage  # noqa: E402

LISTS = ("li", "table", "pre")
"""What Markdown's dialects read differently where a blank line is missing."""


class Page(HTMLParser):
    """A page's links, ids, what it loads, and how many lists, tables and blocks its text has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.loaded: list[str] = []
        self.counts = dict.fromkeys(LISTS, 0)
        self.within = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.within = self.within or tag == "article"
        self.ids.add(said.get("id", ""))
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        elif tag in ("script", "img", "link", "iframe"):
            self.loaded += [
                said[name] for name in ("src", "href") if name in said and said.get("rel") != "canonical"
            ]
        if self.within and tag in self.counts:
            self.counts[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self.within = False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """Every page of the site."""
    if not MKDOCS.exists():
        pytest.skip("needs .venv-docs: make site")
    build = tmp_path_factory.mktemp("site")
    stage.main(build)
    command = [MKDOCS, "--quiet", "build", "--strict", "--config-file", build / "mkdocs.yml"]
    ended = subprocess.run(
        command, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")
    return {
        path: Page(path.read_text("utf-8"))
        for path in (build / "site").rglob("*.html")
        if path.name != "404.html"
    }


def test_links_and_anchors_hold(site: dict[Path, Page]) -> None:
    assert len(site) == len(PAGES)
    lost = []
    for path, page in site.items():
        for link in page.links:
            said = urlsplit(link)
            if said.scheme or said.netloc:
                continue
            target = (path.parent / unquote(said.path)).resolve() if said.path else path
            if target.is_dir():
                target /= "index.html"
            if target not in site or (said.fragment and unquote(said.fragment) not in site[target].ids):
                lost.append(f"{path.name}: {link}")
    assert lost == []


def test_nothing_is_loaded_from_elsewhere(site: dict[Path, Page]) -> None:
    assert {one for page in site.values() for one in page.loaded if urlsplit(one).netloc} == set()


def test_it_reads_as_on_a_git_host(site: dict[Path, Page]) -> None:
    """A list below a sentence, say, is one there even without a blank line between them."""
    reader = MarkdownIt("commonmark").enable("table")
    places = stage.places()
    differ = []
    for page in PAGES:
        text = reader.render(page.read_text("utf-8"))
        wanted = Page(f"<article>{text}</article>").counts
        target = places[str(page.relative_to(ROOT))].removesuffix(".md").replace("README", "index")
        (found,) = [one for path, one in site.items() if str(path).endswith(f"/site/{target}.html")]
        if found.counts != wanted:
            differ.append(f"{page.relative_to(ROOT)}: {wanted} there, {found.counts} here")
    assert "\n".join(differ) == ""


def test_links_are_written_anew() -> None:
    site = {"docs/a.md": "a.md", "plugins/text/README.md": "families/text.md", "README.md": "overview.md"}
    follow = {
        "[t](../plugins/text/README.md#x)": "[t](families/text.md#x)",
        "[r](../README.md)": "[r](overview.md)",
        "[tests](../tests/x.py)": "tests (`tests/x.py`)",
        "[`dags/x.py`](../dags/x.py)": "`dags/x.py`",
        "[u](https://a.example/x.md)": "[u](https://a.example/x.md)",
        "[here](#x)": "[here](#x)",
        "```\n[t](../README.md)\n```": "```\n[t](../README.md)\n```\n",
        "Said:\n- one\n  - two\n- three": "Said:\n\n- one\n    - two\n- three",
    }
    assert {said: stage.staged(said, "docs/a.md", site) for said in follow} == follow
    there = stage.staged("[a](../../docs/a.md)", "plugins/text/README.md", site)
    assert there == "[a](../a.md)"
    away = stage.staged("[x](../dags/x.py#L3)", "docs/a.md", site, "https://git.example/w")
    assert away == "[x](https://git.example/w/blob/HEAD/dags/x.py#L3)"


def tabs() -> Iterator[str]:
    """The pages that the navigation names."""
    nav = (ROOT / "docs/site/mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    yield from re.findall(r"([\w/-]+\.md)$", nav, re.MULTILINE)


def test_every_page_has_its_place_in_the_navigation() -> None:
    pages = [page for page in stage.places().values() if page.endswith(".md")]
    assert sorted(tabs()) == sorted(pages)
