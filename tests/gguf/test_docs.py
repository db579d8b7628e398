"""docs/generation.md says what is so."""

import re
from pathlib import Path

from slmworks.contract import catalog
from slmworks.model_tasks.text_generation.divergence import BEGINNINGS, STEPS
from slmworks.model_tasks.text_generation.prompt import MAX_NEW_TOKENS
from slmworks_gguf.architectures import KNOWN
from slmworks_gguf.export import TOLERANCES
from slmworks_gguf.import_hf import ImportGguf
from slmworks_gguf.pre_tokenizers import RULES
from slmworks_gguf.proof import SPECIAL
from slmworks_gguf.quantize import QuantizeGguf
from slmworks_gguf.texts import COMPOSED, DECOMPOSED

PAGE = (Path(__file__).parents[2] / "docs/generation.md").read_text(encoding="utf-8")


def row(name: str) -> list[str]:
    """The words in code type of a row of a table."""
    (line,) = re.findall(rf"^\| {name} \|.*$", PAGE, re.MULTILINE)
    return re.findall(r"`([^`]+)`", line)


def test_what_is_known_is_on_the_page() -> None:
    assert row("pre-tokenizers") == sorted(RULES)
    assert sorted(set(row("architectures"))) == sorted(KNOWN)
    assert row("type") == list(QuantizeGguf.model_fields["type"].annotation.__args__)


def test_the_measures_of_an_answer_are_on_the_page() -> None:
    task = catalog.model_task("text-generation")
    shown = re.findall(r"^\| `(\w+)` \| (?:1 for|F1 of|bits of|nats of|share of)", PAGE, re.MULTILINE)
    assert shown == [one.name for one in task.measures] + list(task.titles)
    assert f"`max_new_tokens` (the model's header; {MAX_NEW_TOKENS})" in PAGE
    for column in (*task.inputs, *task.targets, *task.optional):
        assert f"| `{column}` |" in PAGE


def test_the_numbers_of_the_proof_are_on_the_page() -> None:
    tolerance = ImportGguf.model_fields["tolerance"].default
    assert TOLERANCES["f32"] == tolerance
    assert f"`tolerance` ({tolerance} nats; {TOLERANCES['f16']} for f16)" in PAGE
    words = {4: "four"}
    assert f"continues {words[len(BEGINNINGS)]} beginnings by {STEPS} tokens" in PAGE
    assert f"{len(COMPOSED) + len(DECOMPOSED)} short texts" in PAGE
    assert f"({SPECIAL} at most)" in PAGE
