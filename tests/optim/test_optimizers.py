"""Optimisers and schedules: step by step what PyTorch's do, and resumable to the last bit."""

import numpy as np
import pytest

from minae import Tensor, nn, optim
from minae.nn import Parameter
from minae.optim.schedules import warmed_up

STEPS = 20
SHAPES = [(3, 4), (5,), ()]

OPTIMIZERS = {
    # name: (the class, its options)
    "SGD": ("SGD", {"lr": 0.1}),
    "SGD with default lr": ("SGD", {}),
    "SGD, momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "SGD, nesterov": ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
    "SGD, weight decay": ("SGD", {"lr": 0.1, "weight_decay": 0.2}),
    "SGD, everything": (
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2},
    ),
    "Adam": ("Adam", {}),
    "Adam, options": (
        "Adam",
        {"lr": 0.05, "betas": (0.7, 0.9), "eps": 1e-2, "weight_decay": 0.3},
    ),
    "AdamW": ("AdamW", {}),
    "AdamW, options": ("AdamW", {"lr": 0.05, "betas": (0.8, 0.95), "weight_decay": 0.5}),
}
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-6}


#: For two groups, of the first and third parameter and of the second, what each has of its own.
OWN = {
    "SGD": ({"weight_decay": 0.5}, {"lr": 0.02, "momentum": 0.5, "nesterov": True}),
    "Adam": ({"weight_decay": 0.5, "eps": 1e-3}, {"lr": 0.02, "betas": (0.5, 0.6)}),
    "AdamW": ({"weight_decay": 0.5}, {"lr": 0.02, "weight_decay": 0.0}),
}


def start(dtype=np.float64, seed=0):
    """Return parameters, and the gradients of every step."""
    rng = np.random.default_rng(seed)
    parameters = [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES]
    gradients = [
        [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES] for _ in range(STEPS)
    ]
    return parameters, gradients


def make(name, arrays):
    """Return our optimiser of that name and its parameters."""
    kind, options = OPTIMIZERS[name]
    parameters = [Parameter(x.copy()) for x in arrays]
    return getattr(optim, kind)(iter(parameters), **options), parameters


def in_groups(library, kind, parameters, **options):
    """Return an optimiser of either library with the groups of OWN."""
    a, b, c = parameters
    first, second = OWN[kind]
    groups = [{"params": iter([a, c]), **first}, {"params": b, **second}]
    return getattr(library, kind)(groups, **options)


def make_torch(torch, name, arrays):
    kind, options = OPTIMIZERS[name]
    parameters = [torch.tensor(x).requires_grad_() for x in arrays]
    return getattr(torch.optim, kind)(parameters, **options), parameters


def step(optimizer, parameters, gradients, skip=None):
    """Take a step with these gradients, without that of parameter `skip`."""
    for i, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
        make = Tensor if isinstance(parameter, Tensor) else parameter.new_tensor
        parameter.grad = None if i == skip else make(gradient.copy())
    optimizer.step()


def assert_close(actual, expected):
    tolerance = TOLERANCE[actual.dtype.type]
    np.testing.assert_allclose(actual, expected.detach().numpy(), tolerance, tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_torchs(torch, name, dtype):
    arrays, steps = start(dtype)
    ours, parameters = make(name, arrays)
    theirs, expected = make_torch(torch, name, arrays)
    for gradients in steps:
        step(ours, parameters, gradients)
        step(theirs, expected, gradients)
        for x, t in zip(parameters, expected, strict=True):
            assert x.dtype == dtype
            assert_close(x.data, t)


@pytest.mark.parametrize("kind", OWN)
def test_groups_are_torchs(torch, kind):
    """Options of its own, or of all; and a schedule moves the rate of each group from its base."""
    arrays, steps = start()
    parameters = [Parameter(x.copy()) for x in arrays]
    expected = [torch.tensor(x).requires_grad_() for x in arrays]
    ours = in_groups(optim, kind, parameters, lr=0.1)
    theirs = in_groups(torch.optim, kind, expected, lr=0.1)
    schedule = optim.CosineAnnealingLR(ours, STEPS, eta_min=0.01)
    their_schedule = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, STEPS, eta_min=0.01)
    for gradients in steps:
        step(ours, parameters, gradients)
        step(theirs, expected, gradients)
        schedule.step()
        their_schedule.step()
        ours.param_groups[0]["weight_decay"] *= 0.9
        theirs.param_groups[0]["weight_decay"] *= 0.9
        for x, t in zip(parameters, expected, strict=True):
            assert_close(x.data, t)


def test_a_step_is_one_pass_for_each_group(monkeypatch):
    parameters = [Parameter(x) for x in start(np.float32)[0]]
    optimizer, passes = in_groups(optim, "Adam", parameters), []
    monkeypatch.setattr(optimizer, "update", lambda x, *others, **options: passes.append(x.size))
    for _ in range(2):
        optimizer.zero_grad()
        sum((p * p).sum() for p in parameters).backward()
        optimizer.step()
    assert passes == [13, 5] * 2


def test_which_parameters_decay():
    model = nn.Sequential(
        nn.Embedding(5, 4), nn.Conv1d(4, 3, 2), nn.BatchNorm1d(3), nn.Linear(3, 5, bias=False)
    )
    model[3].weight = model[0].weight  # one parameter
    decaying, others = optim.decay_groups(model, 0.1)
    assert decaying["params"] == [model[0].weight, model[1].weight]
    assert others["params"] == [model[1].bias, model[2].weight, model[2].bias]
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0)
    adam = optim.AdamW(optim.decay_groups(model, 0.1), lr=0.5)
    assert [group["weight_decay"] for group in adam.param_groups] == [0.1, 0]
    assert len(optim.decay_groups(nn.Embedding(5, 4), 0.1)) == 1  # no group without parameters


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_parameter_may_join_later(torch, name):
    """Its running means are as young as it is, whatever the others have been through."""
    arrays, steps = start()
    ours, parameters = make(name, arrays)
    theirs, expected = make_torch(torch, name, arrays)
    for count, gradients in enumerate(steps):
        step(ours, parameters, gradients, skip=1 if count < 10 else None)
        step(theirs, expected, gradients, skip=1 if count < 10 else None)
    for x, t in zip(parameters, expected, strict=True):
        assert_close(x.data, t)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_write_into_the_parameters_arrays_and_spare_the_gradients(name):
    arrays, (gradients, *_) = start()
    optimizer, parameters = make(name, arrays)
    before = [p.data for p in parameters]
    step(optimizer, parameters, gradients)
    for p, array, old, gradient in zip(parameters, before, arrays, gradients, strict=True):
        assert p.data is array
        assert not np.array_equal(array, old)
        np.testing.assert_array_equal(p.grad.data, gradient)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_parameter_without_gradient_stays(name):
    """Not even weight decay may move it."""
    arrays, (gradients, *_) = start()
    optimizer, parameters = make(name, arrays)
    parameters[0].grad = Tensor(gradients[0])
    optimizer.step()
    assert not np.array_equal(parameters[0].data, arrays[0])
    np.testing.assert_array_equal(parameters[1].data, arrays[1])


def test_parameters_of_several_dtypes_and_layouts():
    arrays = [np.ones((2, 3), np.float32).T, np.ones(9), np.ones(2, np.float32)]
    parameters = [Parameter(x) for x in arrays]
    optimizer = optim.Adam(parameters)
    step(optimizer, parameters, [np.full(x.shape, 2, x.dtype) for x in arrays])
    for p in parameters:
        np.testing.assert_allclose(p.data, 1 - 1e-3, rtol=1e-6)  # the first step is lr, whatever dx


def test_zero_grad():
    optimizer, parameters = make("SGD", start()[0])
    step(optimizer, parameters, start()[1][0])
    optimizer.zero_grad()
    assert [p.grad for p in parameters] == [None] * len(SHAPES)


# --- states -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_run_continues_bit_for_bit(name):
    arrays, steps = start(np.float32)
    whole, expected = make(name, arrays)
    first, parameters = make(name, arrays)
    for gradients in steps[:9]:
        step(whole, expected, gradients)
        step(first, parameters, gradients)
    whole.lr = first.lr = 0.02
    saved = {name: value.copy() for name, value in first.state_dict().items()}
    second, parameters = make(name, [p.data for p in parameters])
    second.load_state_dict(saved)
    for gradients in steps[9:]:
        step(whole, expected, gradients)
        step(second, parameters, gradients)
    for x, y in zip(parameters, expected, strict=True):
        np.testing.assert_array_equal(x.data, y.data)


@pytest.mark.parametrize("kind", OWN)
def test_groups_and_their_schedule_continue_bit_for_bit(kind):
    arrays, steps = start(np.float32)
    runs = []
    for stop in (STEPS, 7):
        parameters = [Parameter(x.copy()) for x in arrays]
        optimizer = in_groups(optim, kind, parameters)
        schedule = optim.LinearLR(optimizer, 0.1, total_iters=15)
        for count, gradients in enumerate(steps):
            if count == stop:
                saved = {name: value.copy() for name, value in optimizer.state_dict().items()}
                parameters = [Parameter(p.data.copy()) for p in parameters]
                optimizer, old = in_groups(optim, kind, parameters), schedule
                schedule = optim.LinearLR(optimizer, 0.1, total_iters=15)
                optimizer.load_state_dict(saved)
                schedule.load_state_dict(old.state_dict())
            step(optimizer, parameters, gradients)
            schedule.step()
        runs.append([p.data for p in parameters])
    for x, y in zip(*runs, strict=True):
        np.testing.assert_array_equal(x, y)


def test_the_lr_of_several_groups():
    parameters = [Parameter(x) for x in start()[0]]
    optimizer = in_groups(optim, "SGD", parameters, lr=0.1)
    assert optimizer.lr == 0.1
    assert optimizer.state_dict()["lr"].tolist() == [0.1, 0.02]
    optimizer.lr = 0.3
    assert [group["lr"] for group in optimizer.param_groups] == [0.3, 0.3]


def test_a_state_is_arrays_by_name():
    optimizer, parameters = make("Adam", start()[0])
    step(optimizer, parameters, start()[1][0])
    state = optimizer.state_dict()
    assert all(isinstance(value, np.ndarray) for value in state.values())
    assert {"lr", "steps", "0.exp_avg", "2.exp_avg_sq"} <= state.keys()
    assert state["steps"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("other", "shapes", "message"),
    [
        ("SGD", SHAPES, "not that of Adam on these parameters"),
        ("Adam", SHAPES[:2], "not that of Adam on these parameters"),
        ("Adam", [(3, 4), (1,), ()], r"1.exp_avg has shape \(1,\), here it is \(5,\)"),
    ],
)
def test_a_state_of_something_else_is_refused_and_changes_nothing(other, shapes, message):
    optimizer, parameters = make("Adam", start()[0])
    step(optimizer, parameters, start()[1][0])
    before = {name: value.copy() for name, value in optimizer.state_dict().items()}
    state = make(other, [np.ones(shape) for shape in shapes])[0].state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict({**state, "lr": np.array(7.0)})
    for name, value in optimizer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


# --- schedules ----------------------------------------------------------------------------------

SCHEDULES = {
    "cosine": ("CosineAnnealingLR", {"T_max": 15}),
    "cosine to a floor": ("CosineAnnealingLR", {"T_max": 15, "eta_min": 0.02}),
    "linear": ("LinearLR", {}),
    "linear to less": ("LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 9}),
    "steps": ("StepLR", {"step_size": 4}),
    "steps by half": ("StepLR", {"step_size": 1, "gamma": 0.5}),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_torchs(torch, name):
    kind, options = SCHEDULES[name]
    ours, _ = make("SGD", start()[0])
    theirs, _ = make_torch(torch, "SGD", start()[0])
    schedule = getattr(optim, kind)(ours, **options)
    expected = getattr(torch.optim.lr_scheduler, kind)(theirs, **options)
    for _ in range(15):
        theirs.step()  # torch warns if the schedule steps first
        assert ours.lr == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-12)
        schedule.step()
        expected.step()
    assert ours.lr == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-12, abs=1e-15)


def test_cosine_stays_at_its_floor():
    """Torch's goes up again, which nobody who trains on wants."""
    optimizer, _ = make("SGD", start()[0])
    schedule = optim.CosineAnnealingLR(optimizer, T_max=3, eta_min=0.01)
    for _ in range(5):
        schedule.step()
    assert optimizer.lr == 0.01


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_resumed_schedule_continues(name):
    kind, options = SCHEDULES[name]
    optimizer, _ = make("SGD", start()[0])
    schedule = getattr(optim, kind)(optimizer, **options)
    for _ in range(5):
        schedule.step()
    resumed, _ = make("SGD", start()[0])
    again = getattr(optim, kind)(resumed, **options)
    resumed.load_state_dict(optimizer.state_dict())  # its lr is no longer the base
    again.load_state_dict(schedule.state_dict())
    assert resumed.lr == optimizer.lr
    for _ in range(5):
        schedule.step()
        again.step()
        assert resumed.lr == optimizer.lr


@pytest.mark.parametrize("taken", [0, 3, 9])
def test_a_warm_up_rises_step_by_step(taken):
    optimizer = in_groups(optim, "SGD", [Parameter(x) for x in start()[0]], lr=0.5)
    rates = [optimizer.state_dict()["lr"] for _ in warmed_up("abcde", optimizer, 7, taken)]
    shares = np.minimum(np.arange(taken + 1, taken + 6) / 7, 1)
    np.testing.assert_allclose(rates, shares[:, None] * [0.5, 0.02])
    assert optimizer.state_dict()["lr"].tolist() == [0.5, 0.02]


# --- clipping -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("max_norm", [0.5, 3.0, 1000.0])
def test_clipping_is_torchs(torch, max_norm, dtype):
    arrays, (gradients, *_) = start(dtype)
    ours, theirs = make("SGD", arrays)[1], make_torch(torch, "SGD", arrays)[1]
    ours.append(Parameter(np.ones(2)))  # has no gradient
    for p, t, gradient in zip(ours, theirs, gradients, strict=False):
        p.grad, t.grad = Tensor(gradient.copy()), torch.tensor(gradient)
    norm = optim.clip_grad_norm_(iter(ours), max_norm)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    assert norm == pytest.approx(expected.item(), rel=1e-6)
    for p, t in zip(ours, theirs, strict=False):
        np.testing.assert_allclose(p.grad.data, t.grad.numpy(), TOLERANCE[dtype])


def test_clipping_nothing():
    assert optim.clip_grad_norm_([Parameter(np.ones(2))], 1.0) == 0


# --- what is refused, and several optimisers ----------------------------------------------------


def parameter(*values):
    return Tensor(np.array(values), requires_grad=True)


def test_two_optimisers_of_one_parameter_both_take_steps():
    p, q = parameter(1.0), parameter(2.0)
    first, second = optim.SGD([p, q], lr=1.0), optim.SGD([p], lr=10.0)
    (p.sum() + q.sum()).backward()
    first.step()
    assert (p.item(), q.item()) == (0, 1)
    second.step()
    assert p.item() == -10
    first.step()
    assert (p.item(), q.item()) == (-11, 0)


@pytest.mark.parametrize("grad", [np.ones(2), 3.0, Tensor(np.ones(3)), Tensor(np.float32([1, 1]))])
def test_a_gradient_that_is_none_of_the_parameter_is_refused(grad):
    p = parameter(1.0, 2.0)
    sgd = optim.SGD([p], lr=1.0)
    p.grad = grad
    with pytest.raises((TypeError, ValueError), match=r"\.grad"):
        sgd.step()
    assert p.tolist() == [1, 2]


REFUSED = [
    ("given no parameters", lambda p: optim.SGD([])),
    ("takes a list of parameters", lambda p: optim.Adam(p)),
    ("takes a list of parameters", lambda p: optim.SGD(None)),
    ("SGD takes a list of parameters, .* or of groups", lambda p: optim.SGD([{"weights": [p]}])),
    ("takes a list of parameters", lambda p: optim.SGD([{"params": [p]}, p])),
    ("takes a list of parameters", lambda p: optim.SGD([{"params": [1.0]}])),
    ("given no parameters", lambda p: optim.SGD([{"params": []}])),
    ("given one parameter twice", lambda p: optim.SGD([{"params": p}, {"params": p}])),
    ("SGD has no option 'eps' of a group", lambda p: optim.SGD([{"params": p, "eps": 1}])),
    ("weight_decay is a number", lambda p: optim.Adam([{"params": p, "weight_decay": -1}])),
    ("only leaves are learned", lambda p: optim.SGD([p * 2])),
    ("nesterov needs a momentum", lambda p: optim.SGD([p], nesterov=True)),
    ("momentum is a number of at least 0, not -1", lambda p: optim.SGD([p], momentum=-1)),
    ("weight_decay is a number", lambda p: optim.Adam([p], weight_decay=-0.1)),
    ("lr is a number of at least 0, not -1", lambda p: optim.Adam([p], lr=-1)),
    ("lr is a number of at least 0, not 'fast'", lambda p: optim.SGD([p], lr="fast")),
    ("lr is a number of at least 0, not True", lambda p: optim.SGD([p], lr=True)),
    ("betas are two numbers", lambda p: optim.Adam([p], betas=(0.9, 1.0))),
    ("betas are two numbers from 0 to below 1, not 0.9", lambda p: optim.Adam([p], betas=0.9)),
    ("eps is a number", lambda p: optim.Adam([p], eps=-1)),
    ("step_size is a number of steps above 0", lambda p: optim.StepLR(optim.SGD([p]), 0)),
    ("step_size is a number of steps above 0", lambda p: optim.StepLR(optim.SGD([p]), "a")),
    ("T_max is a number of steps", lambda p: optim.CosineAnnealingLR(optim.SGD([p]), 0)),
    (
        "start_factor is a number above 0, up to 1, not 0",
        lambda p: optim.LinearLR(optim.SGD([p]), 0),
    ),
    ("end_factor is a number from 0 to 1", lambda p: optim.LinearLR(optim.SGD([p]), 0.5, 2)),
    ("total_iters is a number", lambda p: optim.LinearLR(optim.SGD([p]), total_iters=0)),
    ("max_norm is a number of at least 0", lambda p: optim.clip_grad_norm_([p], -1.0)),
]


@pytest.mark.parametrize(("message", "call"), REFUSED)
def test_refused(message, call):
    with pytest.raises((TypeError, ValueError), match=message):
        call(parameter(1.0))


def test_the_gradient_of_one_tensor_is_clipped():
    p = parameter(3.0, 4.0)
    (p * p).sum().backward()
    assert optim.clip_grad_norm_(p, 1.0) == 10
    np.testing.assert_allclose(p.grad.data, [0.6, 0.8], rtol=1e-6)
