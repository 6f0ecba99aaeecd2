"""What kernels are written in: the names of Numba's CUDA, for threads of the simulator.

A kernel imports them from here. To compile it, `kernels.cuda.launch.build` puts Numba's own in
their place.
"""

from sys import _getframe

import numpy as np
from greenlet import getcurrent

from minae.kernels.simulator.memory import POISON, Local, poisoned, source_name
from minae.kernels.simulator.moments import WARP, fail

float32, uint32 = np.float32, np.uint32

ALL_LANES = 0xFFFFFFFF


class Integer:
    """A type of whole numbers in arrays; calling it makes one."""

    def __init__(self, name: str):
        self.dtype = np.dtype(name)

    def __call__(self, x) -> int:
        """Return x as a whole number. Kernels keep them within their bits, or mask them."""
        return int(x)


int32, int64 = Integer("int32"), Integer("int64")


class _Shared:
    def array(self, shape, dtype, alignment=None):
        """Return the array that this line of the kernel shares between the threads of a block."""
        return getcurrent().block.shared_array(_getframe(1), shape, dtype, alignment)


class _Local:
    def array(self, shape, dtype, alignment=None):
        """Return an array of this thread's own; the compiler keeps it in registers if it can."""
        frame = _getframe(1)
        return Local(source_name(frame.f_code, frame.f_lasti), poisoned(shape, dtype))


class _Atomic:
    def add(self, array, index, value):
        """array[index] += value, as one step; return what was there."""
        return array.add(index, value)


class Cuda:
    """Stands for `numba.cuda` inside a kernel."""

    warpsize = 32
    shared, local, atomic = _Shared(), _Local(), _Atomic()

    @property
    def threadIdx(self):  # noqa: N802 - CUDA's name
        """Position in the block."""
        return getcurrent().position

    @property
    def blockIdx(self):  # noqa: N802 - CUDA's name
        """Position of the block in the grid."""
        return getcurrent().block.position

    @property
    def blockDim(self):  # noqa: N802 - CUDA's name
        """Threads of a block."""
        return getcurrent().block.size

    @property
    def gridDim(self):  # noqa: N802 - CUDA's name
        """Blocks of the grid."""
        return getcurrent().block.launch.grid

    @property
    def laneid(self) -> int:
        """Number within the warp."""
        return getcurrent().lane

    def grid(self, dimensions: int):
        """Return the position in the whole grid: a number, or a tuple of 2 or 3."""
        thread = getcurrent()
        triples = zip(thread.block.position, thread.block.size, thread.position, strict=True)
        position = tuple(block * size + i for block, size, i in triples)
        return position[0] if dimensions == 1 else position[:dimensions]

    def syncthreads(self) -> None:
        """Wait until all threads of the block are here; what they wrote can be read then."""
        getcurrent().pass_barrier("block")

    def syncwarp(self, mask: int = ALL_LANES) -> None:
        """Wait until all threads of the warp are here; what they wrote, these can read then."""
        _check_mask(mask)
        getcurrent().pass_barrier("warp")

    def shfl_sync(self, mask, value, lane):
        """Return the value of another lane of the warp."""
        return _taken(mask, value, lane % WARP)

    def shfl_down_sync(self, mask, value, delta):
        """Return the value of the lane so many further on; of this one, at the warp's end."""
        lane = getcurrent().lane
        return _taken(mask, value, lane + delta if lane + delta < WARP else lane)

    def shfl_xor_sync(self, mask, value, bits):
        """Return the value of the lane whose number differs in these bits."""
        return _taken(mask, value, (getcurrent().lane ^ bits) % WARP)


def _check_mask(mask: int) -> None:
    lanes = (1 << len(getcurrent().warp.threads)) - 1
    if mask & lanes != lanes:
        fail(f"the mask {mask:#x} leaves out lanes of the warp")


def _taken(mask: int, value, lane: int):
    """Return what a lane holds out. One that the block is too small to have, holds out poison."""
    _check_mask(mask)
    offers = getcurrent().warp.exchange(value)
    return offers.get(lane, POISON[np.asarray(value).dtype.kind])


cuda = Cuda()
