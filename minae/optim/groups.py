"""Groups of parameters, each with options of its own: dicts with "params", as in PyTorch."""

from collections.abc import Iterable
from typing import Any

from minae.nn import Module
from minae.tensor import Tensor

Group = dict[str, Any]
Parameters = Iterable[Tensor] | Iterable[Group]  # what an optimiser takes


def decay_groups(model: Module, weight_decay: float) -> list[Group]:
    """Return a model's parameters as two groups for an optimiser: those that decay, and the others.

    Weights of layers and embeddings decay: what has two dimensions or more. Biases, and the scales
    and shifts of normalisations, do not: it would prevent little overfitting, and may keep them
    from fitting at all (Goodfellow et al. 2016, section 7.1).
    """
    parameters = list(model.parameters())
    groups: list[Group] = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def options_of(group: Group) -> dict[str, Any]:
    """Return what a group holds beside its parameters."""
    return {name: value for name, value in group.items() if name != "params"}


def groups_of(parameters: Any, name: str) -> list[Group]:
    """Return what the optimiser `name` was given as groups, whose "params" are lists.

    Raises TypeError if it is neither parameters nor groups of them.
    """
    listed = isinstance(parameters, Iterable) and not isinstance(parameters, Tensor)
    given = list(parameters) if listed else [None]
    if not any(isinstance(each, dict) for each in given):
        given = [{"params": given}]
    groups: list[Group] = []
    for group in given:
        params = group.get("params") if isinstance(group, dict) else None
        params = [params] if isinstance(params, Tensor) else params
        params = list(params) if isinstance(params, Iterable) else [None]
        if not isinstance(group, dict) or not all(isinstance(p, Tensor) for p in params):
            raise TypeError(
                f"{name} takes a list of parameters, such as model.parameters(), or of groups, each"
                ' a dict with "params" and options'
            )
        groups.append({**group, "params": params})
    return groups
