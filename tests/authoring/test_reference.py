"""The reference: ports and options in words, on the terminal and as Markdown."""

from click.testing import CliRunner

from slmworks.authoring.reference import markdown
from slmworks.cli.plugins import plugins


def test_a_plugin_s_page_has_ports_options_limits_and_defaults() -> None:
    text = markdown(["slmworks-torch"])
    section = text.partition("### distill/bag-of-embeddings\n")[2].partition("\n#")[0]
    assert "- `data`: Dataset · sees only train, validation, transfer" in section
    assert "- `teacher`: Model · hf" in section
    assert "| `dropout` | number ≥ 0 < 1 | `0.1` | Share of activations" in section
    assert "### distill/logit-kd" in text
    assert "### quantize/onnx-dynamic" not in text
    assert "## align\n\nMake a generator prefer" in text


def test_show_says_what_is_required() -> None:
    said = CliRunner().invoke(plugins, ["show", "register/mlflow"], catch_exceptions=False).output
    assert "  name: string (required)\n      Name in the registry" in said
    assert "makes  Release" in said
