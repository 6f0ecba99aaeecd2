"""Recurrent layers: the reference's array code."""

from minae.kernels.reference.recurrent import gru, gru_backward, lstm, lstm_backward

__all__ = ["gru", "gru_backward", "lstm", "lstm_backward"]
