"""A training step of a small dense autoencoder in one call of compiled code.

Not needed to understand the rest: forward, backward and `optimizer.step()`, one after another, give
the same. What it gains: in a network of some thousand weights, the way through Python from one
operation to the next takes longer than their arithmetic. Without it, a training step of
`minae bench` W5 takes three times as long.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minae import kernels
from minae.grad_mode import is_grad_enabled
from minae.kernels.arrays import Array
from minae.models.autoencoders import PlainAutoencoder
from minae.nn import Module, fusion
from minae.optim import Adam, AdamW, Optimizer
from minae.optim.groups import options_of


class Plan(NamedTuple):
    """What stays the same from step to step."""

    planned: list  # the steps of the model's network: another list once any module has changed
    owned: list[tuple[Any, Any, Any]]  # each linear layer, with its weight and its bias
    layers: np.ndarray  # (L, 5), as the kernel takes it; empty if it does not take this model
    largest: int  # numbers in the largest weight


def dense_step(model: Module, optimizer: Optimizer, batch: Sequence[Any]) -> float | None:
    """Take a step on a batch of arrays, and return the loss from before it.

    It returns None, and does nothing, unless the model is linear layers with ReLUs between that are
    small enough for one thread, and the optimiser is Adam. Parameters get their `.grad` as usual.
    If the loss is nan or infinite they do not, and nothing changes.
    """
    network: Any = model
    if type(model).loss is not PlainAutoencoder.loss or type(optimizer) not in (Adam, AdamW):
        return None
    if network.binary:
        return None
    planned = fusion.steps(fusion.in_a_row(model, network.encoder, network.decoder))
    plan = vars(optimizer).get("_dense_plan")
    if plan is None or plan.planned is not planned or not _is_current(plan):
        plan = vars(optimizer)["_dense_plan"] = _plan(planned, optimizer)
    x, target = batch[0], batch[-1]
    if not len(plan.layers) or not _suits(x, target, plan) or not optimizer.flats[0].awaits():
        return None

    from minae.kernels.cpu import dense_step as cpu  # not before: it takes time to load

    adam: Any = optimizer
    options = options_of(adam.param_groups[0]) | {"decoupled": adam.decoupled}
    numbers = cpu.adam_numbers(adam.steps[0] + 1, **options)
    loss = cpu.dense_step(
        cpu.product_for(x.itemsize, 1),
        plan.layers,
        x.reshape(len(x), -1),
        target.reshape(len(x), -1),
        network.has_logits,
        1 / len(x),
        *adam.flats[0].vectors,
        numbers,
    )
    if np.isfinite(loss):
        adam.flats[0].show()
        adam.count_step()
    return loss


def _is_current(plan: Plan) -> bool:
    return False not in [layer.weight is w and layer.bias is b for layer, w, b in plan.owned]


def _plan(planned: list, optimizer: Optimizer) -> Plan:
    layers, activations = fusion.linear_stack(planned) or ((), ())
    owned = [(layer, layer.weight, layer.bias) for layer in layers]
    flat, largest, rows = optimizer.flats[0], 0, []
    starts = {id(p): start for p, start in zip(flat.parameters, flat.ends, strict=False)}
    for (_, weight, bias), activation in zip(owned, activations, strict=True):
        outputs, inputs = weight.shape
        places = starts.get(id(weight)), starts.get(id(bias))
        rows.append((*places, inputs, outputs, activation is not None))
        largest = max(largest, inputs * outputs)
    places = {start for row in rows for start in row[:2]} - {None}
    # all are learned, and each in one place: the kernel would not add up a tied one's gradients
    learned = len(places) == len(optimizer.parameters) == 2 * len(owned)
    counts = optimizer.steps.count(optimizer.steps[0])  # all have the same number, for Adam
    takes = learned and counts == len(optimizer.steps)
    return Plan(planned, owned, np.array(rows if takes else [], np.int64).reshape(-1, 5), largest)


def _suits(x: Array, target: Array, plan: Plan) -> bool:
    """Return whether the kernel takes such a batch, on one thread."""
    if not (isinstance(x, np.ndarray) and isinstance(target, np.ndarray) and is_grad_enabled()):
        return False
    from minae.kernels import cpu
    from minae.kernels.cpu.compile.threads import threads_for

    N, dtype = len(x), plan.owned[0][1].dtype
    sizes = N * plan.layers[0, 2], N * plan.layers[-1, 3]
    return (
        (x.size, target.size) == sizes
        and N > 0
        and x.dtype == target.dtype == dtype
        and dtype.itemsize >= 4
        and x.flags.carray
        and target.flags.carray
        and kernels.backend_of(x) is cpu
        and threads_for(N * plan.largest) == 1
    )
