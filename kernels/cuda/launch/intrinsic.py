"""What an intrinsic is: one machine instruction, simulated and compiled; see `intrinsics`."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from minae.kernels.cuda.launch.rung import Capability

FLOAT, INT, LONG, VOID = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.VoidType()


class Intrinsic:
    """An instruction: `meaning` runs in the simulator, a lowering types and emits it for a GPU.

    A lowering is called with Numba's types and the types of the arguments. It returns the signature
    and a function that emits code, as numba.extending.intrinsic expects them.
    """

    def __init__(self, meaning: Callable):
        self.meaning = meaning
        self.lowerings: dict[Capability, Callable] = {}  # by the first GPUs they are for
        self.__doc__, self.__name__ = meaning.__doc__, meaning.__name__

    def __call__(self, *arguments: Any) -> Any:
        """Do what it means, for the simulated thread whose turn it is."""
        return self.meaning(*arguments)

    def lowered_by(self, lower: Callable, since: Capability = (7, 5)) -> Callable:
        """Compile it with `lower` for GPUs from `since` on; also a decorator."""
        self.lowerings[since] = lower
        return lower

    def compiled(self, capability: Capability) -> Any:
        """Return what Numba calls in its place."""
        from numba.cuda import types
        from numba.cuda.extending import intrinsic

        lower = self.lowerings[max(since for since in self.lowerings if since <= capability)]
        code = self.meaning.__code__
        scope: dict[str, Any] = {"lower": lower, "types": types}
        # Numba looks at the signature
        arguments = "".join(f", {name}" for name in code.co_varnames[: code.co_argcount])
        exec(f"def typed(context{arguments}): return lower(types{arguments})", scope)
        return intrinsic(scope["typed"])


def address(types: Any, context: Any, builder: Any, kinds: Any, values: Any) -> Any:
    """Return the address of array[offset], which are the first two values, of these kinds.

    The array may also be a pointer.
    """
    (kind, offset_kind, *_), (array, offset, *_) = kinds, values
    offset = context.cast(builder, offset, offset_kind, types.int64)
    if not isinstance(kind, types.CPointer):
        array = context.make_array(kind)(context, builder, array).data
    return builder.gep(array, [offset])


def assembly(builder: Any, text: str, constraints: str, result: Any, arguments=(), effects=True):
    """Emit PTX. Without `effects`, the compiler may move it or leave it out."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    if effects:
        constraints += ",~{memory}" if constraints else "~{memory}"
    code = ir.InlineAsm(kind, text, constraints, side_effect=effects)
    return builder.call(code, list(arguments))
