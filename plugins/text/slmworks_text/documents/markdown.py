"""Markdown as blocks (markdown-it-py, CommonMark with tables)."""

import re
from collections.abc import Iterator

from slmworks_text.documents.blocks import Block, Outline

FRONT_MATTER = re.compile(r"\A---[^\S\n]*\n(.*?\n)(?:---|\.\.\.)[^\S\n]*(?:\n|\Z)", re.DOTALL)
"""What may be YAML before the text, as static site generators have it."""


def markdown_blocks(text: str) -> Iterator[Block]:
    """The blocks of a document: text without the marks of emphasis and links, code and tables as written.

    A list is one block, an entry a line.
    """
    from markdown_it import MarkdownIt

    text = _without_front_matter(text.replace("\r\n", "\n").replace("\r", "\n"))
    lines, outline, until = text.split("\n"), Outline(), 0
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for place, token in enumerate(tokens):
        start, end = token.map or (0, 0)
        if token.map is None or start < until:
            continue
        if token.type == "heading_open":
            title = _plain(tokens[place + 1])
            yield Block(title, "heading", outline.enter(int(token.tag[1]), title) if title else ())
        elif token.type == "paragraph_open":
            yield Block(_plain(tokens[place + 1]), headings=outline.path)
        elif token.type in ("fence", "code_block"):
            yield Block(token.content, "lines", outline.path)
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            yield Block(_listed("\n".join(lines[start:end])), "lines", outline.path)
            until = end
        elif token.type in ("table_open", "html_block"):
            written = "\n".join(lines[start:end])
            yield Block(written if token.type == "table_open" else _untagged(written), "lines", outline.path)
            until = end


def _without_front_matter(text: str) -> str:
    """The text without YAML before it; what stands between two rules and is no mapping is text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.nodes import MappingNode

    if not (found := FRONT_MATTER.match(text)):
        return text
    try:
        node = YAML(typ="safe", pure=True).compose(found[1])
    except (YAMLError, RecursionError):
        return text
    return text[found.end() :] if isinstance(node, MappingNode) else text


def _plain(token: object) -> str:
    """The words of an inline token."""
    parts = []
    for one in getattr(token, "children", None) or ():
        if one.type in ("text", "code_inline"):
            parts.append(one.content)
        elif one.type in ("softbreak", "hardbreak"):
            parts.append("\n" if one.type == "hardbreak" else " ")
        elif one.type == "image":
            parts.append(one.content)
    return "".join(parts).strip()


def _listed(written: str) -> str:
    """A list as it is written, links and emphasis as words."""
    written = re.sub(r"!?\[([^\[\]\n]*)\]\([^()\s]*(?:\s\"[^\"\n]{0,200}\")?\)", r"\1", written)
    return re.sub(r"(\*\*|__)(?=\S)(.{1,200}?)(?<=\S)\1", r"\2", written)


def _untagged(written: str) -> str:
    return re.sub(r"<!--.*?(?:-->|\Z)|<[^<>]*>", "", written, flags=re.DOTALL)
