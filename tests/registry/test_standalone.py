"""A runtime's stand-alone source: it answers where slmworks is hidden, and what cannot stand alone is refused."""

import ast
import json
import subprocess
import sys
import textwrap

import pytest

from releases import word_counter
from slmworks.contract.catalog import BrokenPlugin
from slmworks.model_tasks.text_classification.hf import HfClassifier
from slmworks.model_tasks.text_classification.onnx import OnnxClassifier
from slmworks.registry.standalone import standalone_source

ASK = """
import json, sys
sys.modules["slmworks"] = sys.modules["torch"] = None
from runtime import OnnxClassifier
print(json.dumps(OnnxClassifier(sys.argv[1]).answer([{"text": "good"}, {"text": "plain \\U0001f642"}])))
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module and import it; gives its class `Runs`."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return __import__(name).Runs

    return write


def test_it_answers_the_same_where_slmworks_is_hidden(tmp_path):
    model = word_counter(tmp_path / "model")
    source = standalone_source(OnnxClassifier)
    (tmp_path / "runtime.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(model.path)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    wanted = OnnxClassifier(model.path).answer([{"text": "good"}, {"text": "plain 🙂"}])
    assert json.loads(done.stdout) == wanted
    assert source == standalone_source(OnnxClassifier)


def test_what_is_imported_comes_first_and_once():
    names = [getattr(node, "name", "") for node in ast.parse(standalone_source(OnnxClassifier)).body]
    assert names.index("OnnxTexts") < names.index("OnnxClassifier")
    assert names.count("OnnxTexts") == 1


def test_what_needs_more_of_slmworks_is_refused():
    with pytest.raises(BrokenPlugin, match="HfClassifier does not stand alone: 'slmworks"):
        standalone_source(HfClassifier)


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("import slmworks.contract.errors", "'slmworks.contract.errors' is not carried along"),
        (
            "from slmworks.model_tasks.onnx_text import encode as cut",
            "'slmworks.model_tasks.onnx_text' is not",
        ),
        ("from slmworks.model_tasks import onnx_text", "'slmworks.model_tasks' is not"),
        ("from __future__ import annotations", "'__future__' is not"),
        (
            "def late():\n    from slmworks.model_tasks.onnx_text import encode",
            "'slmworks.model_tasks.onnx_text'",
        ),
    ],
)
def test_an_import_that_would_fail_is_named(module, line, missing):
    runs = module("lonely", f"{line}\nclass Runs: ...\n")
    with pytest.raises(BrokenPlugin, match=missing):
        standalone_source(runs)


def test_imports_for_type_checkers_only_are_no_harm(module):
    runs = module(
        "typed",
        """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from slmworks.contract.artifact import Model
        class Runs: ...
        """,
    )
    assert "class Runs" in standalone_source(runs)


def test_two_meanings_of_one_name_are_refused(module):
    runs = module(
        "twice",
        """
        from slmworks.model_tasks.onnx_text import open_session
        def encode(text): ...
        class Runs: ...
        """,
    )
    with pytest.raises(BrokenPlugin, match="twice and a module before it define 'encode' differently"):
        standalone_source(runs)
