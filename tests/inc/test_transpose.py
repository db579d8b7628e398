"""int8 weights are stored the way they are multiplied: same answers, no work at every start."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

import onnx
from onnx import TensorProto, helper, numpy_helper
from slmworks_inc.transpose import transpose_weights

CHANCE = np.random.default_rng(0)
WEIGHT = CHANCE.integers(-127, 128, (3, 4)).astype(np.int8)
SCALES = CHANCE.uniform(0.01, 0.1, 3).astype(np.float32)


def _model(shape: list[str | int], *, shared: bool = False) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Identity", ["x"], ["data"]),
        helper.make_node("DequantizeLinear", ["w", "scales"], ["rows"], axis=0),
        helper.make_node("Transpose", ["rows"], ["columns"], perm=[1, 0]),
        helper.make_node("MatMul", ["data", "columns"], ["y"]),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [*shape[:-1], 3])]
    if shared:
        nodes.append(helper.make_node("Identity", ["rows"], ["z"]))
        outputs.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [3, 4]))
    graph = helper.make_graph(
        nodes,
        "one-layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        outputs,
        [numpy_helper.from_array(WEIGHT, "w"), numpy_helper.from_array(SCALES, "scales")],
        value_info=[
            helper.make_tensor_value_info("data", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("rows", TensorProto.FLOAT, [3, 4]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def _operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_a_turned_weight_gives_the_same_answers() -> None:
    model = transpose_weights(_model(["batch", "tokens", 4]))
    onnx.checker.check_model(model, full_check=True)
    assert "Transpose" not in _operators(model)
    x = CHANCE.normal(size=(2, 5, 4)).astype(np.float32)
    (found,) = ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_allclose(found, x @ (WEIGHT * SCALES[:, None]).T, atol=1e-4)


@pytest.mark.parametrize("model", [_model(["batch", 4]), _model(["batch", "tokens", 4], shared=True)])
def test_what_would_become_slower_or_wrong_is_left_alone(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    assert transpose_weights(model).SerializeToString() == before


def test_a_weight_that_several_multiplications_share_is_turned_once_for_all() -> None:
    model = _model(["batch", "tokens", 4])
    model.graph.node.extend(
        [
            helper.make_node("Neg", ["data"], ["other"]),
            helper.make_node("MatMul", ["other", "columns"], ["z"]),
        ]
    )
    model.graph.value_info.append(
        helper.make_tensor_value_info("other", TensorProto.FLOAT, ["batch", "tokens", 4])
    )
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", "tokens", 3]))
    transpose_weights(model)
    onnx.checker.check_model(model, full_check=True)
    assert "Transpose" not in _operators(model)
    x = CHANCE.normal(size=(2, 5, 4)).astype(np.float32)
    wanted = x @ (WEIGHT * SCALES[:, None]).T
    for found, sign in zip(ReferenceEvaluator(model).run(None, {"x": x}), (1, -1), strict=True):
        np.testing.assert_allclose(found, sign * wanted, atol=1e-4)
