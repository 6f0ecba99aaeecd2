"""What the families share: compiling, threads, and the arrays that compiled code takes.

- `compiled`: the decorators that turn Python functions into machine code, in one of two ways:
  `cached` and `launch`, which keep it on the disk and start threads themselves, or `plain`
- `threads`: the pool of threads
- `memory`: what the C library does with memory that was freed
- `vector_math`: exp, log1p, sigmoid and tanh inside compiled code
- `operands`: which arrays go to compiled code, in which memory layout, and which to the reference
"""
