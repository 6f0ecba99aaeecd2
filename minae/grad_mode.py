"""Whether operations are recorded: they are, unless `no_grad` says otherwise."""

import inspect
from contextlib import ContextDecorator
from contextvars import ContextVar, Token

_enabled = ContextVar("grad_enabled", default=True)  # per thread
is_grad_enabled = _enabled.get


class _GradMode(ContextDecorator):
    """A `with` block, and a decorator with or without brackets, that switches recording."""

    enabled: bool
    tokens: list[Token[bool]]  # a stack, for blocks nest

    def __new__(cls, function=None):
        mode = super().__new__(cls)
        mode.tokens = []
        if function is None:
            return mode
        if inspect.isgeneratorfunction(function):  # its body runs after the decorator is done
            raise TypeError(f"@{cls.__name__} on a generator: write `with` inside it instead")
        return mode(function)

    def _recreate_cm(self):
        return type(self)()  # one for every call of a decorated function, for threads may call it

    def __enter__(self):
        self.tokens.append(_enabled.set(self.enabled))

    def __exit__(self, *_):
        _enabled.reset(self.tokens.pop())


class no_grad(_GradMode):  # noqa: N801 - PyTorch's name
    """Compute without recording a graph: `with no_grad():`, or `@no_grad` on a function."""

    enabled = False


class enable_grad(_GradMode):  # noqa: N801 - PyTorch's name
    """Record again, inside of `no_grad`: `with enable_grad():`, or `@enable_grad`."""

    enabled = True
