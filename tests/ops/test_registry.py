"""Every operation that exists has its gradient checked, on every backend."""

import importlib
import inspect
import pkgutil

import pytest

import minae.ops
from minae.autograd import Op
from minae.gradcheck import check_op
from minae.kernels import use_backend

OPS = {name: op for name, op in Op.registry.items() if name.startswith("minae.")}


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("name", OPS)
def test_gradient(name, backend):
    with use_backend(backend):
        count, error = check_op(OPS[name])
    assert count > 0
    assert error < 1e-6


def test_registry_holds_every_op_class_in_minae_ops():
    found = set()
    for info in pkgutil.iter_modules(minae.ops.__path__, "minae.ops."):
        for name, value in vars(importlib.import_module(info.name)).items():
            if inspect.isclass(value) and issubclass(value, Op) and not name.startswith("_"):
                found.add(value)
    found.discard(Op)
    assert set(OPS.values()) == found
    assert {"Add", "MatMul", "Conv2d", "BatchNorm", "GaussianKL"} <= {op.__name__ for op in found}


@pytest.fixture
def op_without_examples():
    class Identity(Op):
        def forward(self, x):
            return x.copy()

        def backward(self, dy):
            return dy

    yield Identity
    del Op.registry[f"{Identity.__module__}.{Identity.__qualname__}"]


def test_an_op_without_examples_fails(op_without_examples):
    assert op_without_examples in Op.registry.values()
    with pytest.raises(NotImplementedError, match="without examples"):
        check_op(op_without_examples)


def test_an_op_whose_examples_are_none_at_all_fails(op_without_examples):
    op_without_examples.examples = staticmethod(lambda rng: iter(()))
    with pytest.raises(ValueError, match="empty"):
        check_op(op_without_examples)


def test_examples_may_be_static(op_without_examples):
    op_without_examples.examples = staticmethod(lambda rng: iter([(rng.normal(size=3),)]))
    assert check_op(op_without_examples)[0] == 1
