"""The contract: which functions a backend has, what they compute and what they refuse.

There is one protocol per family, and a backend has a file for each: what `Linear` declares is in
`linear.py`, and so on. Types and docstrings are here alone; a backend says how it computes.

All functions take float32 or float64 arrays of any memory layout and return the dtype they were
given. They never write to their inputs, except to an optimiser's parameters and state and to the
arrays passed as `dweight` and `dbias`. Operands that do not fit together raise ValueError, with a
sentence from `shapes`.

Gradients are with respect to a scalar loss: `dy` is that of an output y, `dx` that of an input x.
`activation` is None or "relu", applied to the result; its derivative follows from the output `y`,
so a backward needs y only if there was an activation, and otherwise accepts None. `needs` says
which gradients are wanted; None takes the place of those that are not.
"""

from collections.abc import Sequence
from typing import Any, Protocol, Unpack

from minae.kernels.arrays import Array
from minae.kernels.sizes import Geometry, Pair, Window

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
    ) -> tuple[Array | None, Array | None, Array]:
        """Return the gradients of `linear`: dx = dz W, dweight = dzᵀ x, dbias = Σ dz.

        dy, y (..., O), x (..., I), weight (O, I); dz is dy passed back through the activation.
        `needs` is for dx and dweight. The results are written to dweight (O, I) and dbias (O,)
        where these are given.
        """

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

        dy is the gradient of the last of the outputs, which may be None if that layer has no
        activation. `needs` is for x and each weight. dweights and dbiases hold, for each layer, the
        array to write to or None.
        """


class Conv(Protocol):
    """Convolution and transposed convolution; see `Geometry` for their options."""

    def conv2d(
        self,
        x: Array,
        weight: Array,
        bias: Array | None = None,
        activation: str | None = None,
        **geometry: Unpack[Geometry],
    ) -> Array:
        """Slide kernels over images: every output pixel is the sum of a patch times the weight.

        x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, HO, WO). The bias is
        added and the activation applied at the end. With groups, the g-th part of the output
        channels sees only the g-th part of the input channels.
        """

    def conv2d_dx(
        self,
        dy: Array,
        weight: Array,
        input_size: Pair,
        bias: Array | None = None,
        activation: str | None = None,
        **geometry: Unpack[Geometry],
    ) -> Array:
        """Return the gradient of a convolution's input: each dy is spread over its patch.

        dy (N, O, HO, WO), weight (O, C / groups, KH, KW), input_size (H, W) -> dx (N, C, H, W).
        This is also the forward pass of a transposed convolution, which may have a bias (C,) and an
        activation.
        """

    def conv2d_backward(
        self,
        dy: Array,
        x: Array,
        weight: Array,
        y: Array | None,
        activation: str | None = None,
        needs: tuple[bool, bool] = (True, True),
        dweight: Array | None = None,
        **geometry: Unpack[Geometry],
    ) -> tuple[Array | None, Array | None, Array]:
        """Return the gradients of `conv2d`: dx, dweight, and dbias = Σ dz (O,).

        dy, y (N, O, HO, WO), x (N, C, H, W), weight (O, C / groups, KH, KW); dz is dy passed back
        through the activation. `needs` is for dx and dweight; the latter is written to the
        contiguous array `dweight` if one is given.
        """

    def conv_transpose2d_backward(
        self,
        dy: Array,
        x: Array,
        weight: Array,
        y: Array | None,
        activation: str | None = None,
        needs: tuple[bool, bool] = (True, True),
        dweight: Array | None = None,
        **geometry: Unpack[Geometry],
    ) -> tuple[Array | None, Array | None, Array]:
        """Return the gradients of a transposed convolution: `conv2d` and `conv2d_dx` change places.

        dy, y (N, C, H, W), x (N, O, HO, WO), weight (O, C / groups, KH, KW) -> dx, dweight, dbias
        (C,); otherwise as in `conv2d_backward`.
        """


class Pool(Protocol):
    """Pooling; see `Window` for the options."""

    def max_pool2d(self, x: Array, **window: Unpack[Window]) -> tuple[Array, Array]:
        """Return the maximum of every window and its position.

        x (N, C, H, W) -> y (N, C, HO, WO) and index (N, C, HO, WO), int64: h * W + w of the first
        maximum in the window. Padding is never chosen; a NaN wins over every number. Raises
        ValueError if no window fits or the padding is more than half of the kernel.
        """

    def max_pool2d_dx(self, dy: Array, index: Array, input_size: Pair) -> Array:
        """Send each dy to the pixel that was the maximum; windows that share a pixel add up.

        dy (N, C, HO, WO), index (N, C, HO, WO) from max_pool2d, input_size (H, W)
        -> dx (N, C, H, W).
        """

    def avg_pool2d(self, x: Array, **window: Unpack[Window]) -> Array:
        """Return the mean of every window, in which padding counts as zeros.

        x (N, C, H, W) -> (N, C, HO, WO). Raises ValueError as max_pool2d does.
        """

    def avg_pool2d_dx(self, dy: Array, input_size: Pair, **window: Unpack[Window]) -> Array:
        """Divide each dy equally among the pixels of its window.

        dy (N, C, HO, WO), input_size (H, W) -> dx (N, C, H, W).
        """


class Norm(Protocol):
    """Batch normalisation."""

    def batch_norm(
        self, x: Array, weight: Array | None, bias: Array | None, eps: float
    ) -> tuple[Array, Array, Array]:
        """Normalise each channel over the batch and all positions (Ioffe & Szegedy 2015).

        With the channel's mean and variance, y = (x - mean) / √(var + eps) · weight + bias.
        x (N, C, ...), weight and bias both (C,) or both None -> y, mean (C,), var (C,).
        """

    def batch_norm_backward(
        self, dy: Array, x: Array, weight: Array | None, mean: Array, var: Array, eps: float
    ) -> tuple[Array, Array, Array]:
        """Return the gradients of `batch_norm`, whose statistics depend on every x, too.

        With x̂ = (x - mean) / √(var + eps), and its sums written as means (section 3 of the paper):

            dx = (dy - mean(dy) - x̂ mean(dy x̂)) · weight / √(var + eps)

        dy, x (N, C, ...), weight, mean, var (C,) -> dx, dweight = Σ dy x̂, dbias = Σ dy.
        """


class Losses(Protocol):
    """Losses, each with its gradient."""

    def mse(self, x: Array, target: Array, scale: float = 1.0) -> tuple[Array, Array]:
        """Return scale · Σ (x - target)² and its gradient with respect to x.

        x and target of the same shape -> (), and the shape of x.
        """

    def bce_with_logits(self, x: Array, target: Array, scale: float = 1.0) -> tuple[Array, Array]:
        """Return scale · Σ cross-entropy of sigmoid(x) and target, and its gradient w.r.t. x.

        x and target of the same shape -> (), and the shape of x.
        """

    def cross_entropy(self, x: Array, target: Array, scale: float = 1.0) -> tuple[Array, Array]:
        """Return scale · Σ -log softmax(x)[target], and its gradient with respect to x.

        x (N, K), target (N,) of integers below K -> (), (N, K).
        """


class Gaussian(Protocol):
    """The diagonal Gaussian of a variational autoencoder."""

    def reparameterise(self, mean: Array, log_var: Array, noise: Array) -> Array:
        """Return mean + exp(log_var / 2) · noise; all of the same shape."""

    def reparameterise_dlog_var(self, dz: Array, log_var: Array, noise: Array) -> Array:
        """Return the gradient of `reparameterise` with respect to log_var; all of the same shape.

        The gradient with respect to the mean is dz itself.
        """

    def gaussian_kl(self, mean: Array, log_var: Array) -> tuple[Array, Array]:
        """Return KL(N(mean, exp(log_var)) || N(0, 1)) of each row, and its gradient w.r.t. log_var.

        mean, log_var (..., Z) -> (...), (..., Z). The gradient with respect to the mean is the mean
        itself.
        """


class Optim(Protocol):
    """Optimiser steps on one flat vector, in place: what is changed must be contiguous."""

    def sgd(
        self,
        x: Array,
        dx: Array,
        velocity: Array,
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        nesterov: bool,
    ) -> None:
        """Take a step of stochastic gradient descent: update x (P,) and velocity (P,)."""

    def adam(
        self,
        x: Array,
        dx: Array,
        exp_avg: Array,
        exp_avg_sq: Array,
        *,
        step: int,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        decoupled: bool,
    ) -> None:
        """Take step number `step` (from 1) of Adam, or of AdamW if `decoupled`.

        Updates x (P,) and the running means exp_avg (P,) and exp_avg_sq (P,).
        """


class Indexing(Protocol):
    """The inverse of indexing."""

    def index_add(self, shape: tuple[int, ...], index: Any, values: Array) -> Array:
        """Return zeros of this shape with `values` added at out[index].

        Where the index names a place several times, all of its values add up. `index` is anything
        NumPy can index with; values broadcast to out[index]. The result has the dtype of values.
        Raises IndexError if the index is out of bounds, ValueError if values do not fit it.
        """


class Elementwise(Protocol):
    """Functions of one number."""

    def erf(self, x: Array) -> Array:
        """Return the error function 2/√π ∫₀ˣ e^(-t²) dt of every entry."""


class Reductions(Protocol):
    """Sums over axes."""

    def sum(self, x: Array, axes: tuple[int, ...]) -> Array:
        """Add up over some axes, with an error that does not grow with their lengths.

        x (...) -> the shape of x without the axes, in the dtype of x. Integers and booleans are
        accepted too, and added up in int64.
        """


class Layout(Protocol):
    """How arrays lie in memory."""

    def contiguous(self, x: Array) -> Array:
        """Return x in the order of its dimensions: x itself if it is, or else a copy."""

    def channels_last(self, x: Array) -> Array:
        """Return images (N, C, H, W) in the order the convolutions read: x itself, or a copy."""


class Backend(
    Linear,
    Conv,
    Pool,
    Norm,
    Losses,
    Gaussian,
    Optim,
    Indexing,
    Elementwise,
    Reductions,
    Layout,
    Protocol,
):
    """All families together: a module with these functions is a backend."""
