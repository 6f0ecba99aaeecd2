"""A training step of a dense autoencoder, or variational one, in one call of compiled code.

Not needed to understand the rest: forward, backward and `optimizer.step()`, one after another, give
the same. What it gains: in a network of some thousand weights, the way through Python from one
operation to the next takes longer than their arithmetic, and in one of a million it still takes a
tenth of the time. Without it, a training step of `minae bench` W5 takes three times as long.
"""

import math
from collections.abc import Sequence
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from minae import kernels, random
from minae.grad_mode import is_grad_enabled
from minae.kernels.arrays import Array
from minae.kernels.shapes import SMOOTH
from minae.models.autoencoders import PlainAutoencoder
from minae.models.vae import VariationalAutoencoder
from minae.nn import Module, fusion
from minae.optim import Adam, AdamW, Optimizer
from minae.optim.groups import options_of

RELU, DRAW = 1, 2  # what follows a layer, as the kernel numbers it; smooth activations come next
FOLLOWS = {None: 0, "relu": RELU, **{f: DRAW + 1 + k for k, f in enumerate(SMOOTH)}}
#: what the kernel computes in the place of the model's methods: they must be nobody else's
COMPUTED = {"loss", "_terms", "_given", "_with_labels", "encode", "negative_log_likelihood"}


class Plan(NamedTuple):
    """What stays the same from step to step."""

    parts: list[list]  # the steps of the model's networks: other lists once a module has changed
    owned: list[tuple[Any, Any, Any]]  # each linear layer, with its weight and its bias
    layers: np.ndarray | None  # (L, 5), as the kernel takes it; None if it does not take this model
    inputs: int  # numbers of a row of the first layer, and of what the last one gives
    outputs: int
    largest: int  # numbers in the largest weight
    latent: int  # numbers of the code that is drawn; 0 if none is
    slopes: int  # numbers of a row of all layers' outputs, if one has a smooth activation; else 0


def dense_step(model: Module, optimizer: Optimizer, batch: Sequence[Any]) -> float | None:
    """Take a step on a batch of arrays, and return the loss from before it.

    It returns None, and does nothing, unless the model is linear layers with ReLUs or smooth
    activations between, and perhaps a draw of the code, and the optimiser is Adam. Parameters get
    their `.grad` as usual. If the loss is nan or infinite they do not, and nothing changes.
    """
    if type(optimizer) not in (Adam, AdamW) or "step" in vars(optimizer):
        return None
    parts = networks_of(model)
    if not parts:
        return None
    plan = vars(optimizer).get("_dense_plan")
    if plan is None or not _is_current(plan, parts):
        plan = vars(optimizer)["_dense_plan"] = _plan(model, parts, optimizer)
    x, target = batch[0], batch[-1]
    if plan.layers is None or not _suits(x, target, plan) or not optimizer.flats[0].awaits():
        return None

    from minae.kernels.cpu import dense_step as cpu  # not before: it takes time to load
    from minae.kernels.cpu.compile.threads import threads_for

    network: Any = model
    adam: Any = optimizer
    options = options_of(adam.param_groups[0]) | {"decoupled": adam.decoupled}
    N, T = len(x), threads_for(len(x) * plan.largest)
    loss = cpu.dense_step(
        T,
        cpu.product_for(x.itemsize, T),
        plan.layers,
        x.reshape(N, -1),
        target.reshape(N, -1),
        network.has_logits,
        1 / N,
        random.normal((N, plan.latent), x.dtype) if plan.latent else np.empty((0, 0), x.dtype),
        float(network.beta) if plan.latent else 0.0,
        np.empty(N * plan.slopes, x.dtype) if plan.slopes else None,
        *adam.flats[0].vectors,
        cpu.adam_numbers(adam.steps[0] + 1, **options),
    )
    if math.isfinite(loss):
        adam.flats[0].show()
        adam.count_step()
    return loss


def networks_of(model: Any) -> list[list]:
    """Return the steps of the networks between whose ends the loss stands; none if it is another.

    They are the whole autoencoder, or the encoder and the decoder of a variational one.
    """
    kind, drawn = type(model), VariationalAutoencoder
    if not COMPUTED.isdisjoint(vars(model)):
        return []
    if kind.loss is PlainAutoencoder.loss and not model.binary:
        return [fusion.steps(fusion.in_a_row(model, model.encoder, model.decoder))]
    same = [getattr(kind, name, None) is getattr(drawn, name) for name in COMPUTED]
    if False not in same and model.likelihood == "bernoulli":
        return [fusion.steps(part) for part in (model.encoder, model.decoder)]
    return []


def _is_current(plan: Plan, parts: list[list]) -> bool:
    same = len(parts) == len(plan.parts) and all(map(is_, parts, plan.parts))
    return same and False not in [
        layer.weight is w and layer.bias is b for layer, w, b in plan.owned
    ]


def _plan(model: Any, parts: list[list], optimizer: Optimizer) -> Plan:
    flat, rows, owned = optimizer.flats[0], [], []
    starts = {id(p): start for p, start in zip(flat.parameters, flat.ends, strict=False)}
    latent = model.latent if len(parts) > 1 else 0
    for i, part in enumerate(parts):
        for layer, activation in fusion.linear_layers(part):
            places = starts.get(id(layer.weight)), starts.get(id(layer.bias))
            rows.append([*places, *layer.weight.shape[::-1], FOLLOWS[activation]])
            owned.append((layer, layer.weight, layer.bias))
        if i < len(parts) - 1 and rows and not rows[-1][-1]:
            rows[-1][-1] = DRAW
    if not _is_learned(rows, optimizer) or not _fits(rows, len(parts), latent):
        return Plan(parts, owned, None, 0, 0, 0, latent, 0)
    ends, largest = (rows[0][2], rows[-1][3]), max([row[2] * row[3] for row in rows])
    smooth = max([row[-1] for row in rows]) > DRAW
    slopes = sum([row[3] for row in rows], latent) if smooth else 0
    return Plan(parts, owned, np.array(rows, np.int64), *ends, largest, latent, slopes)


def _is_learned(rows: list[list], optimizer: Optimizer) -> bool:
    """Return whether these are the optimiser's parameters, each used once and updated as often.

    The kernel would not add up the gradients of a tied weight.
    """
    places = {start for row in rows for start in row[:2]} - {None}
    counts = optimizer.steps.count(optimizer.steps[0])
    once = len(places) == len(optimizer.parameters) == 2 * len(rows)
    return once and counts == len(optimizer.steps)


def _fits(rows: list[list], parts: int, latent: int) -> bool:
    """Return whether each layer takes what the one before gives; all but the last part draw."""
    draws = [row[-1] for row in rows].count(DRAW)
    given = [latent if row[-1] == DRAW else row[3] for row in rows]
    codes = [row[3] == 2 * latent for row in rows if row[-1] == DRAW]
    return draws == parts - 1 and all(codes) and given[:-1] == [row[2] for row in rows[1:]]


def _suits(x: Array, target: Array, plan: Plan) -> bool:
    """Return whether the kernel takes such a batch."""
    if not (isinstance(x, np.ndarray) and isinstance(target, np.ndarray) and is_grad_enabled()):
        return False
    from minae.kernels import cpu

    N, dtype = len(x), plan.owned[0][1].dtype
    return (
        (x.size, target.size) == (N * plan.inputs, N * plan.outputs)
        and N > 0
        and x.dtype == target.dtype == dtype
        and dtype.itemsize >= 4
        and x.flags.carray
        and target.flags.carray
        and kernels.backend_of(x) is cpu
    )
