"""Ports, tasks and traits of stages, as planner, engines and lineage read them."""

import dataclasses
from typing import ClassVar

import pytest

from slmworks import Deploy, Files, Model, Prune, ReleaseTask, Stage, Task
from slmworks.contract import catalog
from slmworks.contract.artifact import Release, Report, Verdict
from slmworks.contract.stage import output, ports, task_class
from slmworks.lineage.ancestry import relation

every_stage = pytest.mark.parametrize("stage", [catalog.stage_class(name) for name in catalog.STAGES])


def test_ports_are_the_stage_s_whatever_a_plugin_imports() -> None:
    class Plugin(Prune):
        def run(self, *, model: "OnlyForTypeCheckers", data, task) -> Model:  # noqa: F821
            """Its annotations name something that isn't there at run time."""

    assert ports(Plugin) == ports(Prune)
    assert task_class(Plugin) is Task


def test_a_plugin_may_make_less_than_its_stage_allows() -> None:
    fetch = catalog.stage_class("fetch")
    assert output(fetch) is Files
    assert output(catalog.plugin("fetch", "registered").load()) is Model


@every_stage
def test_relations_are_of_ports(stage: type[Stage]) -> None:
    named = {port.name for port in ports(stage).values() if port.kind is not None}
    assert set(stage.relations) == named


@every_stage
def test_a_stage_of_releases_knows_the_approval_log(stage: type[Stage]) -> None:
    works_with = {output(stage), *(port.kind for port in ports(stage).values())}
    assert (task_class(stage) is ReleaseTask) == (Release in works_with)
    assert stage.registers == (output(stage) is Release and not stage.barrier)
    assert stage.decides == (output(stage) is Verdict)
    assert stage.once == (task_class(stage) is ReleaseTask)


def test_a_record_of_an_unknown_stage_can_be_read() -> None:
    assert catalog.traits("harvest") is Stage
    assert relation("harvest", "grain") == "grain"
    assert relation("distill", "teacher") == "distilled-from"
    assert not catalog.traits("evaluate").decides
    assert output(catalog.traits("evaluate")) is Report


def test_a_task_without_a_registry_has_none() -> None:
    assert "registry" not in {field.name for field in dataclasses.fields(Task)}
    assert issubclass(task_class(Deploy), Task)


def test_a_trait_of_a_plugin_is_no_option() -> None:
    class Plugin(Prune):
        light: ClassVar = True

        def run(self, *, model, data, task): ...

    assert Plugin.light
    assert not Plugin.model_fields
