"""Training steps on the GPU, and the cost of a kernel launch, in wall-clock time.

A step of a small model is many short launches, so Python's time counts. Every contender trains on
the same batches, from the same weights, and returns its loss as a number after each step.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from minae.bench import contenders
from minae.bench.gpu.machine import Gpu
from minae.bench.gpu.race import Contender, Row, Run, race
from minae.bench.workloads import WORKLOADS, Workload, texts
from minae.kernels import use_backend
from minae.kernels.cuda import elementwise
from minae.kernels.cuda.launch import device
from minae.kernels.cuda.launch.rung import Step

BATCHES = 128, 512
LOSS_STEPS = 50
TOLERANCE, TOLERANCE_VAE = 5e-3, 0.02  # of the last loss; a VAE's noise is each library's own
WARM_UP = 3  # steps of PyTorch before it is captured
TURN = 0.02  # seconds per turn
LAUNCHES = 1000


def launches(machine: Gpu) -> Iterator[Row]:
    """Yield the cost of launching a kernel that has nothing to do, from Python and in a graph."""

    def measure() -> list[dict]:
        x, y = machine.random((1,)), machine.nan((1,))
        step = Step(elementwise.RUNGS["gelu"], (1,), (x, 0, y, y))

        def launch_all() -> None:
            for _ in range(LAUNCHES):
                device.launch(step)

        launch_all()
        graph = machine.graph(launch_all)
        ways = {
            "python": lambda: machine.clock(lambda _: device.launch(step), 0, LAUNCHES),
            "graph": lambda: machine.seconds(lambda _: graph(), 0, 3) / LAUNCHES,
        }
        times = {way: [time() for _ in range(7)] for way, time in ways.items()}
        return [{"way": way, "us": 1e6 * float(np.median(t))} for way, t in times.items()]

    yield "launches", measure


def _minae_vendor(work: Workload, device: str) -> Run:
    """Return minae's step with NVIDIA's matrix products."""
    step = contenders.minae(work, device)

    def run(i: int) -> float:
        with use_backend("vendor"):
            return step(i)

    return run


def _torch_captured(work: Workload, device: str) -> Run:
    """Return PyTorch's step as a CUDA graph, recorded after WARM_UP steps, with its fused Adam."""
    import torch

    network, batches = contenders.torch_network(work, device)
    optimizer = torch.optim.Adam(network.parameters(), fused=True, capturable=True)
    x, side, graph = torch.empty_like(batches[0][0]), torch.cuda.Stream(), torch.cuda.CUDAGraph()
    taken, loss = 0, None

    def take() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        value = network(x, None)
        value.backward()
        optimizer.step()
        return value

    def step(i: int) -> float:
        nonlocal taken, loss
        x.copy_(batches[i % len(batches)][0])
        taken += 1
        if taken <= WARM_UP:
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                value = take()
            torch.cuda.current_stream().wait_stream(side)
            return value.item()
        if loss is None:
            with torch.cuda.graph(graph):  # which records the step, and does not take it
                loss = take()
        graph.replay()
        return loss.item()

    return step


CONTENDERS = (  # make(work, device) returns the step
    Contender("minae", contenders.minae, ("torch",)),
    Contender("minae captured", partial(contenders.minae, captured=True), ("torch captured",)),
    Contender("minae vendor", _minae_vendor),
    Contender("torch", contenders.torch),
    Contender("torch captured", _torch_captured),
)


def steps(machine: Gpu) -> Iterator[Row]:
    """Yield a race of training steps for each workload and batch size."""
    names = [
        name
        for name, work in WORKLOADS.items()
        # W5-1 is another batch of W5's model; a captured step clips no gradients, and does not
        # look at how long texts are
        if "-" not in name and not work.max_grad_norm and work.draw is not texts
    ]
    for name, batch in itertools.product(names, BATCHES):
        work = replace(WORKLOADS[name], batch=batch)
        yield f"{name}, batch {batch}", partial(_race, machine, name, work)


def _race(machine: Gpu, name: str, work: Workload) -> list[dict]:
    tolerance = TOLERANCE_VAE if hasattr(work.build(), "latent") else TOLERANCE

    def start(contender: Contender) -> tuple[Run, float]:
        if contender.name.startswith("torch") and machine.torch is None:
            raise RuntimeError("no PyTorch with CUDA")
        run = contender.make(work, machine.device)
        return run, [run(i) for i in range(LOSS_STEPS)][-1]

    def judge(_, loss: float, expected: float) -> dict:
        if abs(loss / expected - 1) <= tolerance:
            return {"loss": loss}
        return {"failed": f"wrong: the loss of step {LOSS_STEPS} is {loss:.6g}, not {expected:.6g}"}

    results = race(CONTENDERS, start, judge, machine.clock, TURN)
    case = {"workload": name, "batch": work.batch}
    return [case | {"contender": contender} | row for contender, row in results.items()]
