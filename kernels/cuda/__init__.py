"""Kernels for NVIDIA GPUs, written in Python.

They have run in the simulator only, not yet on a GPU: RESULTS.md lists what is to be measured.

    linear, conv, ...  one file per family of the contract, with its kernels and their launches
    backend            the functions of all families; `vendor` has NVIDIA's products instead
    ladders            products and convolutions, from a naive kernel to the one that runs
    random             random numbers that depend only on a seed and a count
    launch             what compiles and launches kernels

Every kernel also runs in `minae.kernels.simulator`, from the same source.
"""
