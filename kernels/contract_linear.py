"""The part of the contract for linear layers; see `contract` for what holds for all families."""

from collections.abc import Sequence
from typing import Protocol

from minae.kernels.arrays import Array

Gradients = tuple[Array | None, Array | None, Array]  # dx, dweight, dbias

# A function of a protocol is its signature and docstring, with no body to return anything.
# pyright: reportReturnType=false


class Linear(Protocol):
    """Matrix products and linear layers."""

    def matmul(self, a: Array, b: Array) -> Array:
        """Multiply matrices: y[..., i, j] = Σ a[..., i, k] b[..., k, j] over k.

        a (..., M, K), b (..., K, N) -> (..., M, N). Batches broadcast. A vector a counts as one
        row, a vector b as one column, and that axis is dropped from the result.
        """

    def linear(
        self, x: Array, weight: Array, bias: Array | None = None, activation: str | None = None
    ) -> Array:
        """Apply an affine map to every row, then the activation: y = f(x Wᵀ + b).

        x (..., I), weight (O, I), bias (O,) -> (..., O).
        """

    def linear_backward(
        self,
        dy: Array,
        x: Array,
        weight: Array,
        y: Array | None,
        activation: str | None = None,
        needs: tuple[bool, bool] = (True, True),
        dweight: Array | None = None,
        dbias: Array | None = None,
    ) -> Gradients:
        """Return the gradients of `linear`: dx = dz W, dweight = dzᵀ x, dbias = Σ dz.

        For those of `linear_smooth`, the activation is "slope", and y that slope: dz = dy · y.
        """

    def linear_smooth(
        self, x: Array, weight: Array, bias: Array | None, activation: str
    ) -> tuple[Array, Array]:
        """Return what `smooth` gives for z = x Wᵀ + b: y and the slope dy/dz, (..., O) both."""

    def linear_stack(
        self,
        x: Array,
        weights: tuple[Array, ...],
        biases: tuple[Array | None, ...],
        activations: tuple[str | None, ...],
    ) -> list[Array]:
        """Apply linear layers one after another, and return the output of each.

        x (..., I), weights (H, I), (J, H), ..., biases (H,), (J,), ... -> (..., H), (..., J), ...
        """

    def linear_stack_backward(
        self,
        dy: Array,
        x: Array,
        weights: tuple[Array, ...],
        outputs: Sequence[Array | None],
        activations: tuple[str | None, ...],
        needs: tuple[bool, ...],
        dweights: Sequence[Array | None],
        dbiases: Sequence[Array | None],
    ) -> tuple[Array | None, list[Array | None], list[Array]]:
        """Return the gradients of `linear_stack`: dx, dweights and dbiases.

        dy is that of the last output, which may be None if that layer has no activation. `needs` is
        for x and each weight. dweights and dbiases hold each layer's array to write to, or None.
        """
