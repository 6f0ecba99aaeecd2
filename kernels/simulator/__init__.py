"""Runs a CUDA kernel's own Python source on the CPU, and finds what is wrong with it.

    from minae.kernels.simulator import cuda, float32, launch

    def double(x):
        i = cuda.grid(1)
        if i < x.shape[0]:
            x[i] = float32(2) * x[i]

    launch(double, 4, 32, array)

It finds races, accesses that are out of bounds, misaligned or to numbers never written, and
barriers that not all threads reach. It counts what is moved, and says nothing about time. `memory`
explains how races are found, `machine` how threads take turns, `traffic` what is counted.
"""

from minae.kernels.simulator.language import cuda, float32, int32, int64, uint32
from minae.kernels.simulator.machine import launch
from minae.kernels.simulator.moments import SimulationError
from minae.kernels.simulator.traffic import Traffic

__all__ = ["SimulationError", "Traffic", "cuda", "float32", "int32", "int64", "launch", "uint32"]
