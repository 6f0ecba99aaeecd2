"""Kernels for NVIDIA GPUs, written in Python, as ladders: each rung is one idea faster.

    intrinsics   the machine instructions that Python has no word for

Every kernel runs in `minae.kernels.simulator` too, from the same source.
"""
