"""The contract, kept by every plugin that is installed: ours, and a stranger's."""

import inspect
import tomllib
from pathlib import Path

import pytest

from slmworks.authoring import conformance
from slmworks.authoring.conformance import Rule
from slmworks.contract import catalog
from slmworks.contract.artifact import KINDS
from slmworks.contract.catalog import Plugin
from slmworks.contract.stage import output, ports

ROOT = Path(__file__).parents[2]
ALL = [plugin for stage in catalog.STAGES for plugin in catalog.plugins(stage).values()]
RULES = [conformance.loads, *conformance.RULES]


@pytest.mark.parametrize("plugin", ALL, ids=[f"{plugin.stage}/{plugin.name}" for plugin in ALL])
@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_a_plugin_keeps_the_rule(rule: Rule, plugin: Plugin) -> None:
    assert conformance.result(rule, plugin).breaches == ()


@pytest.mark.parametrize("stage", catalog.STAGES)
def test_a_stage_is_a_verb_with_ports_and_one_output(stage: str) -> None:
    contract = catalog.stage_class(stage)
    assert inspect.isabstract(contract)
    assert inspect.getdoc(contract)
    assert "task" in inspect.signature(contract.run).parameters
    assert output(contract).kind in KINDS
    assert ports(contract)


def test_what_the_linter_keeps_out_of_modules_is_heavy_for_a_stranger_too() -> None:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())
    banned = said["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"]
    assert set(banned) <= conformance.HEAVY
