"""How kernels are compiled: by Numba, in one of two ways, between which this module chooses.

- `cached` keeps machine code on the disk, and `launch` hands shares to Numba's threads directly.
  Both rest on parts of Numba that are private and may change.
- `plain` uses only what Numba documents. It compiles anew in every process. The environment
  variable MINAE_COMPILE=plain chooses it.

`compiled` is for functions that compiled code calls, and `compiled_inside` for those of them that
have few callers and return nothing; `compiled_if` for those that Python calls; `parallel` for those
that run on several threads; `at_address` for one that is handed to others as a number: they are
compiled without it. `rows` and `columns` return parts of an array.
"""

from minae.kernels import compiles_plainly
from minae.kernels.cpu.compile.plain import OPTIONS

if compiles_plainly():
    from minae.kernels.cpu.compile.plain import (
        at_address,
        columns,
        compiled,
        compiled_if,
        compiled_inside,
        parallel,
        rows,
        where_kept,
    )
else:
    from minae.kernels.cpu.compile.cached import at_address, compiled, compiled_if, where_kept
    from minae.kernels.cpu.compile.launch import compiled_inside, parallel
    from minae.kernels.cpu.compile.views import columns, rows

__all__ = [
    "OPTIONS",
    "at_address",
    "columns",
    "compiled",
    "compiled_if",
    "compiled_inside",
    "parallel",
    "rows",
    "where_kept",
]
