"""Compiled functions that call each other by symbol.

Numba copies the functions that a compiled function calls into it, and compiles these copies again
for each caller. Where that takes long, a function is compiled only once, and then called.
"""

import inspect
from typing import Any

import llvmlite.binding
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_functions: dict = {}  # name -> Numba's dispatcher
_linked: dict[str, tuple] = {}  # symbol -> (name, kinds)


def callable_by_symbol(dispatcher: Any) -> Any:
    """Return what compiled code can call in place of the dispatcher, which returns nothing."""
    name = dispatcher._cache.name
    _functions[name] = dispatcher

    def call(typing, *kinds):
        kinds = tuple(map(types.unliteral, kinds))  # not compiled for each number

        def generate(context, builder, signature, values):
            return call_by_symbol(context, builder, name, signature.args, values)

        return types.none(*kinds), generate

    parameters = inspect.signature(dispatcher.py_func).parameters.values()
    typing = inspect.Parameter("typing", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    call.__signature__ = inspect.Signature([typing, *parameters])
    return intrinsic(call)


def call_by_symbol(context, builder, name: str, kinds: tuple, values) -> Any:
    """Generate the call of such a function where the builder is."""
    kind = context.call_conv.get_function_type(types.none, kinds)
    function = cgutils.get_or_insert_function(builder.module, kind, link(name, kinds))
    context.call_conv.call_function(builder, function, types.none, kinds, values)
    return context.get_dummy_value()


def link(name: str, kinds: tuple) -> str:
    """Compile the function for these types, and return the symbol by which it is called."""
    symbol = f"{name} {kinds}"
    if symbol not in _linked:
        dispatcher = _functions[name]
        dispatcher.compile(kinds)
        result = dispatcher.overloads[kinds]
        address = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
        llvmlite.binding.add_symbol(symbol, address)
        _linked[symbol] = name, kinds
    return symbol


def called_from(library) -> list[tuple]:
    """Return (name, kinds) of every function that a compiled library calls by symbol."""
    return [_linked[f.name] for f in library._final_module.functions if f.name in _linked]
