"""What the families share: compiling, threads, BLAS, and the arrays that compiled code takes.

- `compiled`: Python functions become machine code, which is kept on the disk
- `parallel`: a compiled function runs on several threads; `threads` is their pool
- `symbols`: compiled functions call each other without being copied into each other
- `blas`, `vector_math`: matrix products, exp and log1p inside compiled code
- `plain`: arrays in the memory layout that is compiled for
- `covered`: which arrays go to compiled code, and which to the reference
"""
