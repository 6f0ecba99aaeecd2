"""Attention, on the CPU."""

from minae.kernels.cuda.launch.covered import on_the_cpu

attention = on_the_cpu("attention")
attention_backward = on_the_cpu("attention_backward")
