"""Kernels for NVIDIA GPUs, written in Python, as ladders: each rung is one idea faster.

    intrinsics   the machine instructions that Python has no word for
    ladder       what a kernel needs beside its source
    matmul       from one thread an entry to tiles that are fetched while others are multiplied
    gemm         the products that run, on `pipeline`
    convolution  from one thread an entry to gathering patches while others are multiplied
    reductions   sums with the same bits in every run
    losses       losses with their gradient, the Gaussians of a VAE, optimiser steps
    build        compiles all of them, also where there is no GPU

Every kernel runs in `minae.kernels.simulator` too, from the same source.
"""
