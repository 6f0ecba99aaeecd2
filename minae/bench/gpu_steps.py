"""Training steps on the GPU, and what a launch costs: times here are those of a user's clock.

A step of a small model is many short launches, so Python's part counts. Every contender trains on
the same batches from the same weights, and gives its loss as a number after each step.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from minae import optim, random
from minae.bench.contenders import torch_model
from minae.bench.gpu_race import Row, figures, sentence, turns
from minae.bench.workloads import WORKLOADS, Workload
from minae.kernels import use_backend
from minae.kernels.cuda import elementwise
from minae.kernels.cuda.launch import device
from minae.kernels.cuda.launch.rung import Step

BATCHES = 128, 512
LOSS_STEPS = 50
TOLERANCE, TOLERANCE_VAE = 5e-3, 0.02  # of the last one's loss; each library draws its own noise
WARM_UP = 3  # steps of PyTorch before it is captured
TURN = 0.02  # seconds
LAUNCHES = 1000

Made = Callable[[int], float]  # a contender: trains on batch i, returns the loss


def launches(machine) -> Iterator[Row]:
    """Yield what measures a launch of a kernel that has nothing to do: a row a way."""
    yield "launches", partial(_launches, machine)


def _launches(machine) -> list[dict]:
    x, y = machine.random((1,)), machine.nan((1,))
    step = Step(elementwise.RUNGS["erf"], (1,), (x, y))

    def launch_all():
        for _ in range(LAUNCHES):
            device.launch(step)

    launch_all()
    graph = machine.graph(launch_all)
    timed = {
        "python": lambda: machine.clock(lambda _: device.launch(step), 0, LAUNCHES),
        "graph": lambda: machine.seconds(lambda _: graph(), 0, 3) / LAUNCHES,
    }
    return [
        {"way": way, "us": 1e6 * float(np.median([t() for _ in range(7)]))}
        for way, t in timed.items()
    ]


def minae(machine, work: Workload, batches: np.ndarray, backend: str | None = None) -> Made:
    """Return minae's step, on its own kernels or on those of a backend."""
    from minae.train import train_step

    model, optimizer, batches = _on(machine, work, batches)

    def step(i):
        return train_step(model, optimizer, (batches[i % len(batches)],))

    def step_on_backend(i):
        with use_backend(backend):
            return step(i)

    return step if backend is None else step_on_backend


def minae_captured(machine, work: Workload, batches: np.ndarray) -> Made:
    """Return minae's step as a CUDA graph."""
    from minae.train.capture import CapturedStep

    model, optimizer, batches = _on(machine, work, batches)
    step = CapturedStep(model, optimizer)
    return lambda i: step((batches[i % len(batches)],))


def _on(machine, work: Workload, batches: np.ndarray) -> tuple:
    model = work.build().train()
    model.to(machine.device)
    return model, optim.Adam(model.parameters()), [machine.array(x) for x in batches]


def torch(machine, work: Workload, batches: np.ndarray) -> Made:
    """Return PyTorch's step, operation by operation, in float32."""
    torch, network, batches = _torch_on(machine, work, batches)
    optimizer = torch.optim.Adam(network.parameters())

    def step(i):
        optimizer.zero_grad()
        loss = network(batches[i % len(batches)], None)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def torch_captured(machine, work: Workload, batches: np.ndarray) -> Made:
    """Return PyTorch's step as a CUDA graph, recorded after WARM_UP steps, with its fused Adam."""
    torch, network, batches = _torch_on(machine, work, batches)
    optimizer = torch.optim.Adam(network.parameters(), fused=True, capturable=True)
    x, side, graph = torch.empty_like(batches[0]), torch.cuda.Stream(), torch.cuda.CUDAGraph()
    taken, loss = 0, None

    def take():
        optimizer.zero_grad(set_to_none=True)
        value = network(x, None)
        value.backward()
        optimizer.step()
        return value

    def step(i):
        nonlocal taken, loss
        x.copy_(batches[i % len(batches)])
        taken += 1
        if taken <= WARM_UP:
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                value = take()
            torch.cuda.current_stream().wait_stream(side)
            return value.item()
        if loss is None:
            with torch.cuda.graph(graph):  # which notes down the step, and does not take it
                loss = take()
        graph.replay()
        return loss.item()

    return step


def _torch_on(machine, work: Workload, batches: np.ndarray) -> tuple:
    torch = machine.torch
    if torch is None:
        raise RuntimeError("no PyTorch with CUDA")
    model = work.build()
    network = torch_model(model)
    state = {name: torch.from_numpy(array) for name, array in model.state_dict().items()}
    network.load_state_dict(state)
    return torch, network.to(machine.device), torch.from_numpy(batches).to(machine.device)


#: By name: what makes the step, and whose time is divided by its own.
CONTENDERS = {
    "minae": (minae, ("torch",)),
    "minae captured": (minae_captured, ("torch captured",)),
    "minae vendor": (partial(minae, backend="vendor"), ()),
    "torch": (torch, ()),
    "torch captured": (torch_captured, ()),
}


def steps(machine) -> Iterator[Row]:
    """Yield what races the training steps of each workload, for each batch."""
    for name, work in WORKLOADS.items():
        if "-" in name:  # another batch of the same model
            continue
        for batch in BATCHES:
            yield (
                f"{name}, batch {batch}",
                partial(_race, machine, name, replace(work, batch=batch)),
            )


def _race(machine, name: str, work: Workload) -> list[dict]:
    batches, runs, rows = work.batches(), {}, {}
    tolerance = TOLERANCE_VAE if hasattr(work.build(), "latent") else TOLERANCE
    expected = None
    for contender, (make, _) in CONTENDERS.items():
        random.manual_seed(0)
        try:
            run = make(machine, work, batches)
            loss = [run(i) for i in range(LOSS_STEPS)][-1]
        except Exception as problem:
            rows[contender] = {"failed": sentence(problem)}
            continue
        expected = loss if expected is None else expected
        if abs(loss / expected - 1) <= tolerance:
            runs[contender], rows[contender] = run, {"loss": loss}
        else:
            said = f"wrong: the loss of step {LOSS_STEPS} is {loss:.6g}, not {expected:.6g}"
            rows[contender] = {"failed": said}
    times = turns(runs, machine.clock, TURN)
    for contender in runs:
        rows[contender] |= figures(contender, CONTENDERS[contender][1], times)
    case = {"workload": name, "batch": work.batch}
    return [case | {"contender": contender} | row for contender, row in rows.items()]


def pack(rows: list[dict]) -> dict:
    """Return the figures by workload, batch and contender."""
    packed: dict = {}
    for row in rows:
        row = dict(row)
        of_batch = packed.setdefault(row.pop("workload"), {}).setdefault(str(row.pop("batch")), {})
        of_batch[row.pop("contender")] = row
    return packed
