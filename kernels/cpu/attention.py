"""Attention."""

from minae.kernels.reference.attention import attention, attention_backward

__all__ = ["attention", "attention_backward"]
