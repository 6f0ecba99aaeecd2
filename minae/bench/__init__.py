"""How fast a training step is, here and in other libraries, on this machine.

    workloads    the models, and what a step of each computes
    contenders   the same model and step in each library
    worker       one contender in a process of its own, timed on request
    ceilings     what the machine can do at best
    compare      all of them in alternation, and what comes of it
    kernels      the kernels one by one, against NumPy

Two libraries in one process fight over the cores. And a machine's speed drifts by more than the
libraries differ. So every contender has a process, they take turns of half a second, each in turn
first, and what counts is the ratio of two turns of one round.
"""
