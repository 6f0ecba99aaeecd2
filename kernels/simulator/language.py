"""The language of kernels: the names of Numba's CUDA, for threads of the simulator.

Kernels import them from here. `kernels.cuda.launch.build` replaces them by Numba's own.
"""

from sys import _getframe
from typing import Any

import numpy as np

from minae.kernels.simulator.memory import POISON, Local, poisoned, source_name
from minae.kernels.simulator.moments import WARP, fail, running

float32, uint32 = np.float32, np.uint32

ALL_LANES = 0xFFFFFFFF


class Integer:
    """An integer type: of arrays, and to convert numbers."""

    def __init__(self, name: str):
        self.dtype = np.dtype(name)

    def __call__(self, x) -> int:
        """Return x as an integer. Kernels keep theirs within the bits of the type, or mask them."""
        return int(x)


int32, int64 = Integer("int32"), Integer("int64")


class _Shared:
    def array(self, shape, dtype, alignment=None):
        """Return the array that this line of the kernel shares between the threads of a block."""
        return running().block.shared_array(_getframe(1), shape, dtype, alignment)


class _Local:
    def array(self, shape, dtype, alignment=None):
        """Return an array of this thread; the compiler keeps it in registers if it can."""
        frame = _getframe(1)
        return Local(source_name(frame.f_code, frame.f_lasti), poisoned(shape, dtype))


class _Atomic:
    def add(self, array, index, value):
        """array[index] += value, as one step; return what it was before."""
        return array.add(index, value)


class Cuda:
    """Stands for `numba.cuda` inside a kernel."""

    warpsize = 32
    shared, local, atomic = _Shared(), _Local(), _Atomic()

    # the thread in its block, the block in the grid, their sizes; the thread in its warp
    threadIdx: Any = property(lambda self: running().position)  # noqa: N815 - CUDA's names
    blockIdx: Any = property(lambda self: running().block.position)  # noqa: N815
    blockDim: Any = property(lambda self: running().block.size)  # noqa: N815
    gridDim: Any = property(lambda self: running().block.launch.grid)  # noqa: N815
    laneid: Any = property(lambda self: running().lane)

    def grid(self, dimensions: int) -> Any:
        """Return the position in the whole grid: a number, or a tuple of 2 or 3."""
        thread = running()
        triples = zip(thread.block.position, thread.block.size, thread.position, strict=True)
        position = tuple(block * size + i for block, size, i in triples)
        return position[0] if dimensions == 1 else position[:dimensions]

    def syncthreads(self) -> None:
        """Wait for all threads of the block; what they wrote can then be read."""
        running().pass_barrier("block")

    def syncwarp(self, mask: int = ALL_LANES) -> None:
        """Wait for all threads of the warp, which can then read what they wrote."""
        _check_mask(mask)
        running().pass_barrier("warp")

    def shfl_sync(self, mask, value, lane):
        """Return the value of another lane of the warp."""
        return _taken(mask, value, lane % WARP)

    def shfl_down_sync(self, mask, value, delta):
        """Return the value of the lane `delta` further on, or of this one beyond the warp's end."""
        lane = running().lane
        return _taken(mask, value, lane + delta if lane + delta < WARP else lane)

    def shfl_xor_sync(self, mask, value, bits):
        """Return the value of the lane whose number differs in these bits."""
        return _taken(mask, value, (running().lane ^ bits) % WARP)


def _check_mask(mask: int) -> None:
    lanes = (1 << len(running().warp.threads)) - 1
    if mask & lanes != lanes:
        fail(f"the mask {mask:#x} leaves out lanes of the warp")


def _taken(mask: int, value, lane: int):
    """Return what a lane offers; it is poison if the block is too small to have that lane."""
    _check_mask(mask)
    offers = running().warp.exchange(value)
    return offers.get(lane, POISON[np.asarray(value).dtype.kind])


cuda = Cuda()
