"""The contract: which functions a backend has, what they compute and what they refuse.

There is one protocol per family, and a backend has a file for each: what `Linear` declares is in
`linear.py`, and so on. Types and docstrings are here alone (those of linear layers, attention and
recurrent layers, which are long, in `contract_linear`, `contract_attention` and
`contract_recurrent`); a backend says how it computes.

All functions take float32 or float64 arrays of any memory layout and return the dtype they were
given. They never write to their inputs, except to an optimiser's parameters and state and to the
contiguous arrays passed as `dweight` and `dbias`, which take these results. Operands that do not
fit together raise ValueError, with a sentence from `shapes` or `shapes_images`.

Gradients are with respect to a scalar loss: `dy` is that of an output y, `dx` that of an input x,
each of the same shape.
`activation` is None or "relu", applied to the result; its derivative follows from the output `y`,
so a backward needs y only if there was an activation, and otherwise accepts None. dz is dy passed
back through the activation. GELU's derivative does not follow from y, so forward returns both.
`needs` says which gradients are wanted: dx and dweight, if nothing else is said. None takes the
place of those that are not.
"""

from typing import Any, Protocol, Unpack

from minae.kernels.arrays import Array
from minae.kernels.contract_attention import Attention
from minae.kernels.contract_linear import Gradients, Linear
from minae.kernels.contract_recurrent import Recurrent
from minae.kernels.sizes import Geometry, Pair, Window

# A function of a protocol is its signature and docstring, with no body to return anything.
# pyright: reportReturnType=false


class Conv(Protocol):
    """Convolution and transposed convolution; see `Geometry` for their options.

    They map between x (N, C, H, W) and y (N, O, HO, WO) with weight (O, C / groups, KH, KW). With
    groups, the g-th part of the channels of y belongs to the g-th part of the channels of x alone.
    """

    def conv2d(
        self,
        x: Array,
        weight: Array,
        bias: Array | None = None,
        activation: str | None = None,
        **geometry: Unpack[Geometry],
    ) -> Array:
        """Return the sum of every patch times the weight, plus bias (O,), then the activation."""

    def conv2d_dx(
        self,
        dy: Array,
        weight: Array,
        input_size: Pair,
        bias: Array | None = None,
        activation: str | None = None,
        **geometry: Unpack[Geometry],
    ) -> Array:
        """Return dx for an input of size (H, W): each dy is spread over its patch.

        It is also the forward pass of a transposed convolution, hence bias (C,) and activation.
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
        dbias: Array | None = None,
        **geometry: Unpack[Geometry],
    ) -> Gradients:
        """Return the gradients of `conv2d`; dbias = Σ dz (O,)."""

    #: The gradients of a transposed convolution: `conv2d` and `conv2d_dx` change places, and so do
    #: the shapes of x (N, O, HO, WO) and dy, y (N, C, H, W), dbias (C,).
    conv_transpose2d_backward = conv2d_backward


class Pool(Protocol):
    """Pooling of x (N, C, H, W), whose input_size is (H, W), to y (N, C, HO, WO); see `Window`.

    Raises ValueError if no window fits or the padding is more than half of the kernel.
    """

    def max_pool2d(self, x: Array, **window: Unpack[Window]) -> tuple[Array, Array]:
        """Return the maximum of every window and its first place, h * W + w, an int64 each.

        Padding is never chosen; a NaN wins over every number.
        """

    def max_pool2d_dx(self, dy: Array, index: Array, input_size: Pair) -> Array:
        """Add each dy to the pixel that was the maximum, by the places `index` of max_pool2d."""

    def avg_pool2d(self, x: Array, **window: Unpack[Window]) -> Array:
        """Return the mean of every window, in which padding counts as zeros."""

    def avg_pool2d_dx(self, dy: Array, input_size: Pair, **window: Unpack[Window]) -> Array:
        """Divide each dy equally among the pixels of its window."""


class Norm(Protocol):
    """Batch and layer normalisation."""

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

    def layer_norm(
        self, x: Array, weight: Array | None, bias: Array | None, eps: float
    ) -> tuple[Array, Array, Array]:
        """Normalise each row (Ba et al. 2016): y = x̂ · weight + bias, x̂ = (x - mean) · rstd.

        rstd = 1 / √(var + eps). x (N, K), weight and bias (K,) or None -> y, mean (N,), rstd (N,).
        """

    def layer_norm_backward(
        self, dy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array
    ) -> tuple[Array, Array, Array]:
        """Return the gradients of `layer_norm`: dx, dweight = Σ dy x̂, dbias = Σ dy.

        With dx̂ = dy · weight, and means over the row: dx = (dx̂ - mean(dx̂) - x̂ mean(dx̂ x̂)) · rstd.
        """


class Losses(Protocol):
    """Losses: each returns a sum () times `scale`, and its gradient with respect to x."""

    def mse(self, x: Array, target: Array, scale: float = 1.0) -> tuple[Array, Array]:
        """Sum up (x - target)²; x and target have the same shape."""

    def bce_with_logits(self, x: Array, target: Array, scale: float = 1.0) -> tuple[Array, Array]:
        """Sum up the cross-entropy of sigmoid(x) and target; x and target have the same shape."""

    def cross_entropy(
        self, x: Array, target: Array, scale: float = 1.0, ignore_index: int = -100
    ) -> tuple[Array, Array]:
        """Sum up -log softmax(x)[target]; x (N, K), target (N,) of integers below K.

        A row whose target is ignore_index adds nothing, and its gradient is 0.
        """


class Gaussian(Protocol):
    """The diagonal Gaussian of a variational autoencoder; all arguments have the same shape."""

    def reparameterise(self, mean: Array, log_var: Array, noise: Array) -> Array:
        """Return mean + exp(log_var / 2) · noise."""

    def reparameterise_dlog_var(self, dz: Array, log_var: Array, noise: Array) -> Array:
        """Return the gradient of `reparameterise` w.r.t. log_var; w.r.t. the mean, it is dz."""

    def gaussian_kl(self, mean: Array, log_var: Array) -> tuple[Array, Array]:
        """Return KL(N(mean, exp(log_var)) || N(0, 1)) of each row, and its gradient w.r.t. log_var.

        mean, log_var (..., Z) -> (...), (..., Z). The gradient w.r.t. the mean is the mean itself.
        """


class Optim(Protocol):
    """Optimiser steps, in place: a flat vector x (P,) and its state, which must be contiguous.

    The state, also (P,), is a velocity, or the running means of dx and dx².
    """

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
        """Take a step of stochastic gradient descent."""

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
        """Take step number `step` (from 1) of Adam, or of AdamW if `decoupled`."""


class Indexing(Protocol):
    """The inverse of indexing."""

    def index_add(self, shape: tuple[int, ...], index: Any, values: Array) -> Array:
        """Return zeros of this shape with `values` added at out[index].

        Where the index names a place several times, all of its values add up. `index` is anything
        NumPy can index with; values broadcast to out[index]. The result has the dtype of values.
        Raises IndexError if the index is out of bounds, ValueError if values do not fit it.
        """


class Elementwise(Protocol):
    """Functions of each number, or of two at the same place."""

    def add(self, a: Array, b: Array) -> Array:
        """Return a + b; shapes broadcast."""

    def smooth(self, x: Array, activation: str) -> tuple[Array, Array]:
        """Return an activation of every entry, and its derivative there.

        "gelu" is x Φ(x), where Φ is the distribution function of the standard normal; "gelu_tanh"
        has ½ (1 + tanh z) in its place, z = √(2/π) (x + 0.044715 x³) (Hendrycks & Gimpel 2016).
        "silu" is x σ(x), σ(x) = 1 / (1 + e^-x).
        """


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
    Attention,
    Recurrent,
    Losses,
    Gaussian,
    Optim,
    Indexing,
    Elementwise,
    Reductions,
    Layout,
):
    """All families together: a module with these functions is a backend."""
