"""How fast a training step is, here and in other libraries, on this machine.

    workloads    the models, and what a step of each computes
    contenders   the same model and step in each library
    worker       one contender in a process of its own, timed on request
    ceilings     what the machine can do at best
    compare      times all of them in turns, and computes ratios
    turns        who is next
    kernels      the kernels one by one, against NumPy
    show         prints and writes the results
    gpu          kernels and steps on a GPU, against NVIDIA's libraries

Two libraries in one process would fight over the cores, and a machine's speed drifts by more than
the libraries differ. So every contender has a process of its own, and they take turns of half a
second. What counts is the ratio of two contenders' times in the same round.
"""
