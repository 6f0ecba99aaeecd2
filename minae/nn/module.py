"""Module: something with parameters and a forward. Names, keys and layouts are PyTorch's."""

from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

import numpy as np

from minae.kernels import arrays
from minae.kernels.arrays import Array
from minae.tensor import Tensor, as_array


class Parameter(Tensor):
    """A tensor that a module owns and an optimiser updates: it requires gradients."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True):
        super().__init__(data, requires_grad)


class Buffer(Tensor):
    """A tensor that belongs to a module's state but is not learned, such as a running mean."""

    __slots__ = ()


T = TypeVar("T", bound=Tensor)


def _no_forward(module: "Module", *inputs: Any) -> Tensor:
    raise NotImplementedError(f"{type(module).__name__} has no forward")


class Module:
    """Base of all layers and models: set parameters and submodules as attributes, write `forward`.

    Attributes that are Parameters, Buffers or Modules are found automatically, in the order in
    which they were set; the key in `state_dict` is the path of attribute names, joined by dots.
    """

    training = True  # dropout and batch_norm act differently in training
    #: computes the output; call the module itself, not this
    forward: Callable[..., Any] = _no_forward
    loss: Callable[..., Tensor]  # of models that `minae.train` trains: the scalar to minimise

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Return forward(*inputs, **options), mostly a tensor."""
        return self.forward(*inputs, **options)

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """Yield the submodules that are attributes of this one, with their names."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """Yield this module and all below it, with their paths."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator["Module"]:
        """Yield this module and all below it."""
        return (module for _, module in self.named_modules())

    def _named_state(self, *kinds: type[T], repeat: bool = False) -> Iterator[tuple[str, T]]:
        seen = set()  # a parameter used in two places is one parameter, under its first name
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, kinds) and (repeat or id(value) not in seen):
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters of this module and all below it, with their paths."""
        return self._named_state(Parameter)

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters of this module and all below it."""
        return (parameter for _, parameter in self.named_parameters())

    def _state(self) -> dict[str, Tensor]:
        """Return parameters and buffers by path; tied ones, which are one, under each of theirs."""
        return dict(self._named_state(Parameter, Buffer, repeat=True))

    def state_dict(self) -> dict[str, Array]:
        """Return the arrays of all parameters and buffers by path: the arrays themselves.

        One that several modules use, such as a tied weight, is there under each of its paths.
        """
        return {name: value.data for name, value in self._state().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Copy arrays (or tensors of PyTorch on the CPU) into the parameters and buffers.

        Of a tied weight one key is enough. Raises ValueError, and copies nothing, if a key is
        missing or unknown, a shape differs, or the keys of one parameter have different values.
        """
        given: dict[str, Array] = {name: as_array(value) for name, value in state.items()}
        own = self._state()
        if problem := _mismatch(own, given):
            raise ValueError(f"the state does not fit {type(self).__name__}: {problem}")
        for name, array in given.items():
            own[name].data[...] = arrays.beside(array, own[name].data)
            own[name].written()

    @property
    def device(self) -> str:
        """Where the parameters are: "cpu" or "cuda"; "cpu" if there are none."""
        return next((p.device for p in self.parameters()), "cpu")

    def to(self, device: str) -> Self:
        """Move all parameters and buffers to a device, and return the module.

        Make the optimiser after this: it keeps the arrays it is given. Raises RuntimeError if the
        device cannot be used; it says why, and what to do.
        """
        for _, value in self._named_state(Parameter, Buffer):
            value.data = arrays.to_device(value.data, device)
            value.grad = value.grad_place = None
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training mode in this module and all below it, and return the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set evaluation mode (no dropout, running statistics), and return the module."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def extra_repr(self) -> str:
        """Return what the repr of a module without submodules has in its parentheses."""
        return ""

    def __repr__(self) -> str:
        children = [f"({name}): {child!r}" for name, child in self.named_children()]
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        inner = "\n".join(children).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {inner}\n)"


def _mismatch(own: dict[str, Tensor], given: dict[str, Array]) -> str | None:
    """Say what is wrong with arrays for our own state; None if they fit."""
    first: dict[int, str] = {}  # by a tensor's id: the first key that gives its values
    for name, value in own.items():
        if name in given:
            first.setdefault(id(value), name)
    missing = {name for name, value in own.items() if id(value) not in first}
    for kind, names in (("missing", missing), ("unknown", given.keys() - own.keys())):
        if names:
            more = f", and {len(names) - 1} more" if len(names) > 1 else ""
            return f"{min(names)} is {kind}{more}"
    for name in [name for name in own if name in given]:
        array, other = given[name], first[id(own[name])]
        if array.shape != own[name].shape:
            return f"{name} has shape {array.shape}, here it is {own[name].shape}"
        if other != name and not np.array_equal(array, given[other], equal_nan=True):
            return f"{other} and {name} are one parameter here, but have different values"
    return None
