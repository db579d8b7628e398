"""The contract, held by every plugin that is installed: ours, and a stranger's."""

import inspect
import subprocess
import sys

import pytest

from slmworks.contract import catalog
from slmworks.contract.artifact import KINDS
from slmworks.contract.catalog import Plugin
from slmworks.contract.options import OptionError, configure, plain
from slmworks.contract.stage import Stage, output, ports
from slmworks.execution.identity import code_digest

ALL = [plugin for stage in catalog.STAGES for plugin in catalog.plugins(stage).values()]
IDS = [f"{plugin.stage}/{plugin.name}" for plugin in ALL]
RESERVED = {name for name in dir(Stage) if not name.startswith("__")}

every_plugin = pytest.mark.parametrize("plugin", ALL, ids=IDS)
every_stage = pytest.mark.parametrize("stage", catalog.STAGES)


@every_stage
def test_a_stage_is_a_verb_with_ports_and_one_output(stage: str) -> None:
    contract = catalog.stage_class(stage)
    assert inspect.isabstract(contract)
    assert inspect.getdoc(contract)
    assert "task" in inspect.signature(contract.run).parameters
    assert output(contract).kind in KINDS
    assert ports(contract)


@every_plugin
def test_the_class_says_in_one_line_what_it_does(plugin: Plugin) -> None:
    first = (plugin.load().__doc__ or "").strip().partition("\n")[0]
    assert first.endswith(".")
    assert len(first) <= 110


@every_plugin
def test_every_option_has_a_meaning(plugin: Plugin) -> None:
    described = plugin.load().model_json_schema().get("properties", {})
    for name in plugin.load().model_fields:
        assert described[name].get("description"), f"option '{name}' has no docstring"
        assert name not in RESERVED - set(plugin.load().model_fields), f"option '{name}' shadows the contract"


@every_plugin
def test_options_are_frozen_strict_and_json(plugin: Plugin) -> None:
    loaded = plugin.load()
    needed = {name for name, field in loaded.model_fields.items() if field.is_required()}
    if needed:
        with pytest.raises(OptionError):
            configure(loaded, plugin.name, {})
        return
    configured = configure(loaded, plugin.name, {})
    assert configure(loaded, plugin.name, plain(configured)) == configured
    with pytest.raises(OptionError, match=f"no such option of {plugin.name}"):
        configure(loaded, plugin.name, {"no_such_option": 1})
    for name in loaded.model_fields:
        with pytest.raises(ValueError, match="frozen"):
            setattr(configured, name, None)


@every_plugin
def test_what_it_says_about_itself_names_real_things(plugin: Plugin) -> None:
    loaded = plugin.load()
    taken = ports(catalog.stage_class(plugin.stage))
    assert {*loaded.reads, *loaded.ignores, *loaded.accepts, *loaded.needs} <= set(taken)
    for port in loaded.ignores | loaded.needs:
        assert taken[port].optional, f"'{port}' is not optional, so it can't be ignored or newly needed"
    if plugin.stage in ("finetune", "distill", "align", "prune", "factorize", "quantize"):
        datasets = [port.name for port in taken.values() if port.kind is KINDS["Dataset"]]
        for port in set(datasets) - loaded.ignores:
            assert "test" not in loaded.reads.get(port, ("test",)), f"'{port}' may see the test split"


@every_plugin
def test_its_code_has_a_digest(plugin: Plugin) -> None:
    assert len(code_digest(plugin.load())) == 64


@pytest.mark.parametrize("family", sorted({plugin.distribution for plugin in ALL}))
def test_the_light_form_imports_nothing_heavy(family: str) -> None:
    code = (
        "import sys\nfrom slmworks.contract import catalog\n"
        f"[p.load() for s in catalog.STAGES for p in catalog.plugins(s).values() if p.distribution == {family!r}]\n"
        "heavy = {'torch', 'transformers', 'mlflow', 'numpy', 'pyarrow', 'onnx', 'onnxruntime', 'sklearn', 'kfp', 'kubernetes'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    path = ":".join(sys.path)
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": path, "PATH": ""})
