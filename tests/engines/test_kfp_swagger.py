"""KFP's API is read whole from the client that is generated from its swagger."""

import json
import re

import pytest

kfp_server_api = pytest.importorskip("kfp_server_api")

import kfp_swagger  # noqa: E402


def test_every_method_of_the_client_is_an_operation():
    apis = [getattr(kfp_server_api, name) for name in dir(kfp_server_api) if name.endswith("Api")]
    methods = [name for api in apis for name in vars(api) if name.endswith("_with_http_info")]
    assert len(kfp_swagger.operations()) == len(methods) > 30
    for one in kfp_swagger.operations():
        assert one.path.startswith("/apis/v2beta1/")
        for kind in filter(None, (one.body, one.answer, *one.query.values())):
            assert kind in kfp_swagger.definitions() or kind in kfp_swagger.PLAIN


def test_every_type_that_a_model_names_is_a_model():
    text = json.dumps(kfp_swagger.definitions())
    assert set(re.findall(r"#/\$defs/(\w+)", text)) <= set(kfp_swagger.definitions())
    for model, field in kfp_swagger.ERASED:
        assert field in kfp_swagger.definitions()[model]["properties"]


def test_enums_have_the_values_that_travel():
    assert "CANCELING" in kfp_swagger.definition("V2beta1RuntimeState")["enum"]
    assert "PLUGIN_FAILED" in kfp_swagger.definition("V2beta1PluginState")["enum"]


def test_int64_is_a_string_in_answers_and_may_be_a_number_in_requests():
    for value in (60, "60"):
        assert kfp_swagger.problems("V2beta1PeriodicSchedule", {"interval_second": value}) == []
    assert kfp_swagger.problems("V2beta1PeriodicSchedule", {"interval_second": "60"}, answer=True) == []
    for value in (60, "soon"):
        assert kfp_swagger.problems("V2beta1PeriodicSchedule", {"interval_second": value}, answer=True) != []


def test_a_path_is_found_with_its_parameters():
    operation, ids = kfp_swagger.find("POST", "/apis/v2beta1/runs/a%20b:terminate")
    assert (operation.name, ids) == ("terminate_run", {"run_id": "a b"})
    assert kfp_swagger.find("GET", "/apis/v2beta1/runs/a/b") is None
