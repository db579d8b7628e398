"""Links between pages: every file and anchor exists, and every page is linked from another."""

from pages import DOCS, PAGES, ROOT, anchors, links


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    lost = []
    for page in PAGES:
        for path, anchor in links(page):
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                lost.append(f"{page.relative_to(ROOT)}: {path}#{anchor}")
    assert lost == []


def test_every_page_can_be_found() -> None:
    linked = {(page.parent / path).resolve() for page in PAGES for path, _ in links(page) if path}
    assert [page.name for page in DOCS.rglob("*.md") if page not in linked] == []


def test_pictures_are_shown_small_and_fetch_nothing() -> None:
    shown = {(page.parent / path).resolve() for page in PAGES for path, _ in links(page)}
    pictures = sorted((DOCS / "pictures").iterdir())
    assert [picture.name for picture in pictures if picture not in shown] == []
    assert [picture.name for picture in pictures if picture.stat().st_size > 150_000] == []
    drawn = [picture.read_text() for picture in pictures if picture.suffix == ".svg"]
    assert not any("url(http" in text or "font-face" in text for text in drawn)


def test_a_heading_s_anchor_is_that_of_a_git_host(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# report.json of `evaluate/quality`\n\n## A & b\n\n## A & b\n\n```\n# no heading\n```\n")
    assert anchors(page) == {"reportjson-of-evaluatequality", "a--b", "a--b-1"}
