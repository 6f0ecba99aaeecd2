"""How fast a training step is, here and in other libraries, on this machine.

Two libraries in one process would fight over the cores, and a machine's speed drifts by more than
the libraries differ. So every contender has a process of its own, and they take turns of half a
second. What counts is the ratio of two contenders' times in the same round.
"""
