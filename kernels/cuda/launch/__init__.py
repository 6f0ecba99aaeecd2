"""What turns a Python function into a kernel that runs.

rung        a kernel with its types, block and grid; a launch of it
intrinsics  the machine instructions that Python has no word for
build       compiles kernels, also where there is no GPU
device      launches them: on NumPy's arrays in the simulator, on CuPy's on the GPU
covered     what goes to the CPU instead
"""
