"""The rooms of the core: imports go one way, as docs/architecture.md lists them, and never into a plugin family."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "components/slmworks"
(LISTED,) = re.findall(
    r"^```\n(machine .*?)^```$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE | re.DOTALL
)
FLOOR = {room: floor for floor, line in enumerate(LISTED.splitlines()) for room in line.split()}


def imported(body: list[ast.stmt]) -> Iterator[str]:
    """Every module that is imported when code runs, in functions too; not what only annotations need."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "slmworks")
        for inner in ("body", "orelse", "finalbody", "handlers"):
            yield from imported(getattr(node, inner, []))


def test_every_room_has_its_floor() -> None:
    folders = {folder.name for folder in CORE.iterdir() if (folder / "__init__.py").exists()}
    assert folders == set(FLOOR)


def test_imports_go_one_way() -> None:
    wrong = []
    for file in sorted(CORE.glob("*/**/*.py")):
        room = file.relative_to(CORE).parts[0]
        for module in imported(ast.parse(file.read_text(encoding="utf-8")).body):
            other = module.split(".")[1] if module.startswith("slmworks.") else room
            if other in FLOOR and other != room and FLOOR[other] >= FLOOR[room]:
                wrong.append(f"{file.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_the_core_imports_no_plugin_family() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in sorted(CORE.rglob("*.py"))
        for module in imported(ast.parse(file.read_text(encoding="utf-8")).body)
        if module.startswith("slmworks_")
    ]
    assert wrong == []
