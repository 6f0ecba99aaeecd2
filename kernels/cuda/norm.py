"""Batch normalisation: the reference's array code, which CuPy runs on the GPU."""

from minae.kernels.reference.norm import batch_norm, batch_norm_backward

__all__ = ["batch_norm", "batch_norm_backward"]
