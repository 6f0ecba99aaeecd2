"""Kernels for NVIDIA GPUs, written in Python, as ladders: each rung is one idea faster.

    intrinsics   the machine instructions that Python has no word for
    ladder       what a kernel needs beside its source, and a launch of it
    matmul       from one thread an entry to tiles that are fetched while others are multiplied
    gemm         the products that run, on `pipeline`; `product` chooses tiles and splits
    convolution  from one thread an entry to gathering patches while others are multiplied
    reductions   sums with the same bits in every run
    losses       losses with their gradient, the Gaussians of a VAE, optimiser steps
    pooling      windows of images
    random       numbers that depend on a seed and a count only
    build        compiles all of them, also where there is no GPU
    device       launches them: on NumPy's arrays in the simulator, on CuPy's on the GPU

Every kernel runs in `minae.kernels.simulator` too, from the same source. `backend` is the functions
that layers ask for, by `dense`, `images`, `training`, `pooling` and `indexing`; `covered` says what
goes to the CPU instead. `vendor` has NVIDIA's products in place of ours.
"""
