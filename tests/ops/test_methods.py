"""Tensor has the methods that `minae.ops.methods` lists, and editors are told of the same ones."""

import ast
import inspect
from pathlib import Path

import pytest

import minae
from minae import Tensor
from minae.ops.arithmetic import Operand
from minae.ops.methods import Methods

MODULE = ast.parse(Path(minae.__file__).with_name("tensor.py").read_text(encoding="utf-8"))
(TENSOR,) = (node for node in MODULE.body if getattr(node, "name", "") == "Tensor")
LISTED = {
    name: value
    for name, value in vars(Methods).items()
    if inspect.isroutine(value) or isinstance(value, property)
}


def test_the_methods_of_tensor_are_its_own_and_those_that_are_listed():
    bare = {*vars(type("Bare", (), {"__slots__": Tensor.__slots__})), "__slotnames__"}  # pickle's
    written = {node.name for node in TENSOR.body if isinstance(node, ast.FunctionDef)}
    written |= {node.targets[0].id for node in TENSOR.body if isinstance(node, ast.Assign)}
    assert len(LISTED) > 130
    assert not written & {*LISTED}
    assert {*vars(Tensor)} - {*bare} - written == {*LISTED} - {*bare}
    for name, value in LISTED.items():
        assert vars(Tensor)[name] is value, name


def test_editors_take_the_list_for_a_base_class():
    assert [ast.unparse(base) for base in TENSOR.bases] == ["Methods"]
    (block,) = (node for node in MODULE.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    assert ast.unparse(block.body[0]) == "from minae.ops.methods import Methods"


@pytest.mark.parametrize("name", LISTED)
def test_a_method_says_what_it_takes_and_returns(name):
    function = getattr(LISTED[name], "fget", LISTED[name])
    if name != "__hash__" and function.__name__ != "<lambda>":
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty
        assert next(iter(signature.parameters.values())).annotation in (Tensor, Operand)


@pytest.mark.parametrize("name", ["sum", "max", "softmax"])
def test_a_method_with_numpys_names_keeps_its_signature(name):
    assert [*inspect.signature(getattr(Tensor, name)).parameters][:2] == ["x", "dim"]
