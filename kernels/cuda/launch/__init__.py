"""What turns a Python function into a kernel that runs.

rung        a kernel with its types, block and grid; one launch of it
intrinsics  the machine instructions that Python has no word for
build       compiles kernels, also on machines without a GPU
device      launches them: on NumPy's arrays in the simulator, on CuPy's on the GPU
covered     sends what the kernels do not take to the CPU
"""
