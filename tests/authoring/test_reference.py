"""The reference: ports and options in words, on the terminal and as Markdown."""

from click.testing import CliRunner

from slmworks.authoring.formats import keys, sections
from slmworks.authoring.reference import overview, page
from slmworks.cli.plugins import plugins
from slmworks.engines.engine_file import engine_schema
from slmworks.execution.records import TaskRecord


def test_a_plugin_s_page_has_ports_options_limits_and_defaults() -> None:
    text = page("distill", ["slmworks-torch"])
    section = text.partition("## distill/bag-of-embeddings\n")[2].partition("\n#")[0]
    assert "- `data`: Dataset · sees only train, validation, transfer" in section
    assert "- `teacher`: Model · hf" in section
    assert "| `dropout` | number ≥ 0 < 1 | `0.1` | Share of activations" in section
    assert "## distill/logit-kd" in text


def test_an_overview_leads_to_the_plugins_of_these_distributions() -> None:
    text = overview(["slmworks-torch"])
    assert "| [`logit-kd`](plugins/distill.md#distilllogit-kd) | " in text
    assert "onnx-dynamic" not in text
    assert "## align\n\nMake a generator prefer" in text


def test_a_format_s_keys_have_types_meanings_and_links() -> None:
    said = keys(TaskRecord, {"Manifest": "manifest"})
    assert "| `manifest` | [Manifest](#manifest) or null | `null` | The task's manifest" in said
    assert "| `seal` |" not in said  # not in the file
    assert "|  |\n" not in said  # a key without a meaning
    engine = sections(engine_schema())
    assert "| `stages` | mapping to [StagePod](#stagepod) | `{}` |" in engine
    assert "\n## StagePod\n\nResources of a stage's tasks" in engine


def test_show_says_what_is_required() -> None:
    said = CliRunner().invoke(plugins, ["show", "register/mlflow"], catch_exceptions=False).output
    assert "  name: string (required)\n      Name in the registry" in said
    assert "makes  Release" in said
