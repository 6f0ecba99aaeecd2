"""What the families share: compiling, threads, BLAS, and the arrays that compiled code takes.

- `compiled`: Python functions become machine code, which is kept on the disk
- `threads`: the pool of threads, and compiled functions that run on several of them
- `symbols`: compiled functions call each other without being copied into each other
- `blas`, `vector_math`: matrix products, exp and log1p inside compiled code
- `operands`: which arrays go to compiled code, in which memory layout, and which to the reference
"""
