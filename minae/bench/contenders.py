"""The same training step in each library. A contender is a function from a workload to `step`.

`step(i, noise)` trains on batch i and returns the loss; noise, if given, replaces what a VAE draws.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minae import nn
from minae.bench.workloads import Workload
from minae.kernels.arrays import to_device
from minae.models import GPT, ResUNet, SequenceAutoencoder

LIMIT_FLOPS = 1e8


def minae(workload: Workload, device: str = "cpu", captured: bool = False) -> Callable:
    """Return the step of `minae train`, recorded as a CUDA graph if `captured`."""
    from minae import optim  # not at the top: they would count as others' memory
    from minae.train import train_step

    model = workload.build().train()
    model.to(device)
    if workload.adamw is None:
        optimizer = optim.Adam(model.parameters())
    else:
        groups: Any = model.parameters()
        if workload.decays == "matrices":
            groups = optim.decay_groups(model, workload.adamw["weight_decay"])
        optimizer = optim.AdamW(groups, **workload.adamw)
    step = partial(train_step, model, optimizer, max_grad_norm=workload.max_grad_norm)
    if captured:
        from minae.train.capture import CapturedStep

        step = CapturedStep(model, optimizer)
    batches = [[to_device(x, device) for x in batch] for batch in workload.batches()]
    return lambda i, noise=None: step(batches[i % len(batches)])


def limit(_: Workload) -> Callable:
    """Return a step that only multiplies and adds, on all cores, LIMIT_FLOPS times.

    It takes longer while other programs, or other machines on the same processor, use the cores.
    """
    from minae.kernels.cpu.compile.threads import num_threads
    from minae.kernels.cpu.ladders.limit import FLOPS, SIZE, multiply_add_at_once

    T = num_threads()
    numbers, turns = np.zeros((T, SIZE), np.float32), round(LIMIT_FLOPS / FLOPS / T)
    return lambda i: multiply_add_at_once(T, numbers, turns)


def torch(workload: Workload, device: str = "cpu", tuned: str = "") -> Callable:
    """Return PyTorch's step on the same model, from the same weights; `tuned` as one of TUNED."""
    import torch

    network, batches = torch_network(workload, device)
    if tuned == "torch channels last":
        network = network.to(memory_format=torch.channels_last)
        last = partial(torch.Tensor.contiguous, memory_format=torch.channels_last)
        batches = [[last(x) for x in batch] for batch in batches]
    fused = True if tuned else None
    if workload.adamw is None:
        optimizer = torch.optim.Adam(network.parameters(), fused=fused)
    else:
        groups = parameters = list(network.parameters())
        if workload.decays == "matrices":
            groups = [
                {"params": [p for p in parameters if p.ndim >= 2]},
                {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
            ]
        optimizer = torch.optim.AdamW(groups, **workload.adamw, fused=fused)
    forward = torch.compile(network) if tuned == "torch compiled" else network

    def step(i: int, noise: np.ndarray | None = None) -> float:
        optimizer.zero_grad()
        drawn = None if noise is None else torch.from_numpy(noise)
        loss = forward(*batches[i % len(batches)], drawn)
        loss.backward()
        if workload.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(network.parameters(), workload.max_grad_norm)
        optimizer.step()
        return loss.item()

    return step


def torch_network(workload: Workload, device: str) -> tuple[Any, Any]:
    """Return a workload's model in PyTorch, whose call (*batch, noise) is the loss, and batches."""
    import torch

    model = workload.build()
    if isinstance(model, ResUNet):
        from minae.bench.torch_res_unet import TorchResUNet

        network = TorchResUNet(**model.config)
    elif isinstance(model, SequenceAutoencoder):
        from minae.bench.torch_sequences import TorchSequenceAutoencoder

        network = TorchSequenceAutoencoder(**model.config)
    elif isinstance(model, GPT):
        from minae.bench.torch_gpt import TorchGPT

        network = TorchGPT(**model.config)
    else:
        network = _torch_autoencoder(model)
    state = {name: torch.from_numpy(array) for name, array in model.state_dict().items()}
    network.load_state_dict(state)
    batches = [[torch.from_numpy(x).to(device) for x in each] for each in workload.batches()]
    return network.to(device), batches


def _torch_autoencoder(model: Any) -> Any:
    import torch
    from torch.nn import functional

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = _torch_sequential(model.encoder)
            self.decoder = _torch_sequential(model.decoder)

        def forward(self, x, noise):
            z, kl = self.encoder(x), 0.0
            if hasattr(model, "latent"):
                mean, log_var = z.chunk(2, dim=1)
                noise = torch.randn_like(mean) if noise is None else noise
                z = mean + torch.exp(0.5 * log_var) * noise
                kl = 0.5 * (mean * mean + log_var.exp() - log_var - 1).sum(1).mean()
            loss = functional.binary_cross_entropy_with_logits
            if not model.has_logits:
                loss = functional.mse_loss
            return loss(self.decoder(z), x, reduction="sum") / len(x) + kl

    return Network()


def _torch_sequential(network: nn.Sequential) -> Any:
    import torch

    layers = []
    for layer in network:
        arguments = ()
        if isinstance(layer, nn.Linear):
            arguments = layer.weight.shape[::-1]  # (I, O)
        elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            channels, size = layer.weight.shape[:2], layer.weight.shape[2:]
            channels = channels[::-1] if isinstance(layer, nn.Conv2d) else channels  # (in, out)
            arguments = *channels, size, layer.stride, layer.padding
        elif isinstance(layer, nn.Unflatten):
            arguments = layer.dim, layer.unflattened_size
        layers.append(getattr(torch.nn, type(layer).__name__)(*arguments))
    return torch.nn.Sequential(*layers)


def jax(workload: Workload) -> Callable:
    """Return JAX's step, compiled as a whole, on the same model, from the same weights."""
    import jax  # pyright: ignore[reportMissingImports] - optional
    import jax.numpy as jnp  # pyright: ignore[reportMissingImports]

    model: Any = workload.build()
    parameters = {name: jnp.asarray(array) for name, array in model.state_dict().items()}
    batches = [jnp.asarray(x) for (x,) in workload.batches()]
    zeros = {name: jnp.zeros_like(x) for name, x in parameters.items()}

    def loss(parameters, x, noise):
        z, kl = _jax_network(model.encoder, "encoder", parameters, x), 0.0
        if hasattr(model, "latent"):
            mean, log_var = jnp.split(z, 2, axis=1)
            z = mean + jnp.exp(0.5 * log_var) * noise
            kl = 0.5 * (mean**2 + jnp.exp(log_var) - log_var - 1).sum(1).mean()
        y = _jax_network(model.decoder, "decoder", parameters, z)
        if not model.has_logits:
            return ((y - x) ** 2).sum() / len(x) + kl
        return (jnp.maximum(y, 0) - y * x + jnp.log1p(jnp.exp(-abs(y)))).sum() / len(x) + kl

    def update(parameters, m, v, t, x, noise):
        value, gradients = jax.value_and_grad(loss)(parameters, x, noise)
        tree = jax.tree.map
        m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, gradients)
        v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradients)
        a, b = 1 - 0.9**t, 1 - 0.999**t
        move = lambda p, m, v: p - 1e-3 * (m / a) / (jnp.sqrt(v / b) + 1e-8)  # noqa: E731
        return tree(move, parameters, m, v), m, v, value

    compiled: Any = jax.jit(update)
    m, v, t = zeros, zeros, 0
    shape = (workload.batch, getattr(model, "latent", 0))
    rng = np.random.default_rng(0)

    def step(i: int, noise: np.ndarray | None = None) -> float:
        nonlocal parameters, m, v, t
        noise = rng.standard_normal(shape, np.float32) if noise is None else noise
        t += 1
        parameters, m, v, value = compiled(parameters, m, v, t, batches[i % len(batches)], noise)
        return float(value)

    return step


def _jax_network(network: nn.Sequential, name: str, parameters: dict, x) -> Any:
    import jax  # pyright: ignore[reportMissingImports]

    for i, layer in enumerate(network):
        weight: Any = parameters.get(f"{name}.{i}.weight")
        bias: Any = parameters.get(f"{name}.{i}.bias")
        if isinstance(layer, nn.Linear):
            x = x @ weight.T + bias
        elif isinstance(layer, nn.Flatten):
            x = x.reshape(len(x), -1)
        elif isinstance(layer, nn.Unflatten):
            x = x.reshape(len(x), *layer.unflattened_size)
        elif isinstance(layer, nn.ReLU):
            x = jax.nn.relu(x)
        else:
            x = _jax_convolution(layer, weight, x) + bias[:, None, None]
    return x


def _jax_convolution(layer: Any, weight, x) -> Any:
    from jax import lax  # pyright: ignore[reportMissingImports]

    convolve, p = lax.conv_general_dilated, layer.padding
    if isinstance(layer, nn.Conv2d):
        return convolve(x, weight, (layer.stride,) * 2, [(p, p)] * 2)
    pads = [(k - 1 - p,) * 2 for k in weight.shape[2:]]
    turned = weight[:, :, ::-1, ::-1].swapaxes(0, 1)
    return convolve(x, turned, (1, 1), pads, lhs_dilation=(layer.stride,) * 2)


TUNED = ("torch fused", "torch channels last", "torch compiled")  # all with the fused Adam
#: What makes a step, by name. A name begins with the library's.
CONTENDERS: dict[str, Callable[[Workload], Callable]] = {
    **{"minae": minae, "torch": torch},
    **{name: partial(torch, tuned=name) for name in TUNED},
    "jax": jax,
}
