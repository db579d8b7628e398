"""Pipeline specs as KFP's API server judges them: by their protobuf, then by the few rules of its template package."""

import re
from typing import Any

import libyaml
import yaml
from google.protobuf.json_format import ParseDict, ParseError
from kfp.pipeline_spec.pipeline_spec_pb2 import ParameterType, PipelineSpec, PlatformSpec
from kfp_request import Json, wrong

KINDS: dict[int, tuple[type, ...]] = {
    ParameterType.NUMBER_DOUBLE: (int, float),
    ParameterType.NUMBER_INTEGER: (int, float),
    ParameterType.STRING: (str,),
    ParameterType.BOOLEAN: (bool,),
    ParameterType.LIST: (list,),
    ParameterType.STRUCT: (dict,),
}


def parse(given: Json) -> PipelineSpec:
    """A spec, alone or as {pipeline_spec, platform_spec}; what KFP would not run is refused."""
    alone = "pipeline_spec" not in given
    spec, platform = (given, {}) if alone else (given["pipeline_spec"], given.get("platform_spec", {}))
    if not alone and set(given) - {"pipeline_spec", "platform_spec"}:
        raise wrong(f"pipeline_spec: {sorted(given)} instead of pipeline_spec and platform_spec")
    try:
        parsed = ParseDict(spec, PipelineSpec())
        ParseDict(platform, PlatformSpec())
    except ParseError as error:
        raise wrong(f"Invalid input error: invalid v2 pipeline spec: {error}") from None
    if parsed.schema_version != "2.1.0":
        raise wrong(f"KFP only supports schema version 2.1.0, but the spec has {parsed.schema_version!r}")
    if not re.search("[a-z0-9]", parsed.pipeline_info.name):
        raise wrong(f"invalid v2 pipeline spec: {parsed.pipeline_info.name!r} is not a pipeline's name")
    if not parsed.HasField("root"):
        raise wrong("invalid v2 pipeline spec: root component is empty")
    for name, task in parsed.root.dag.tasks.items():
        if task.component_ref.name not in parsed.components:
            raise wrong(
                f"invalid v2 pipeline spec: task {name} uses an unknown component {task.component_ref.name!r}"
            )
    return parsed


def parse_file(text: str) -> Json:
    """An uploaded YAML package as the {pipeline_spec, platform_spec}, or the spec alone, that KFP keeps of it."""
    try:
        documents = [one for one in libyaml.load_all(text) if one is not None]
    except yaml.YAMLError as error:
        raise wrong(f"Failed to read a pipeline spec file: {error}") from None
    if not 1 <= len(documents) <= 2 or not all(isinstance(one, dict) for one in documents):
        raise wrong(
            "a package is one document, the pipeline spec, or two: then the platform spec is the second"
        )
    spec = (
        documents[0]
        if len(documents) == 1
        else dict(zip(("pipeline_spec", "platform_spec"), documents, strict=True))
    )
    parse(spec)
    return spec


def check_parameters(spec: PipelineSpec, given: dict[str, Any]) -> None:
    """Those that are required are given, with the right types, and no others."""
    known = spec.root.input_definitions.parameters
    if unknown := sorted(set(given) - set(known)):
        raise wrong(f"parameters {unknown} are not inputs of the pipeline, which has {sorted(known)}")
    for name, parameter in known.items():
        optional = parameter.is_optional or parameter.HasField("default_value")
        if name not in given and not optional:
            raise wrong(
                f"parameter {name} is not optional, yet has neither default value nor user provided value"
            )
        if name in given and type(given[name]) not in KINDS[parameter.parameter_type]:
            kind = ParameterType.ParameterTypeEnum.Name(parameter.parameter_type)
            raise wrong(f"input parameter {name} requires type {kind}, not {given[name]!r}")


def task_names(spec: PipelineSpec) -> list[str]:
    """The tasks of the pipeline itself, not those inside its components."""
    return [task.task_info.name or name for name, task in spec.root.dag.tasks.items()]
