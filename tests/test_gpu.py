"""Tensors and training on a GPU: on a stand-in for CuPy, and on a GPU where there is one."""

import numpy as np
import pytest

from minae import checkpoint, nn, ops, optim, random
from minae.errors import InputError
from minae.kernels import arrays
from minae.models import VAE, VQVAE, ConvAutoencoder, DenseAutoencoder
from minae.tensor import Tensor
from minae.train import fit
from minae.train.capture import CapturedStep
from minae.train.step import train_step


def draws(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def test_a_tensor_goes_there_and_back(cupy):
    x = Tensor(draws(2, 3), requires_grad=True, device="cuda")
    assert x.device == "cuda"
    assert "device='cuda'" in repr(x)
    y = (x.cpu() * Tensor(draws(2, 3))).sum()
    y.backward()
    assert x.grad.device == "cuda"
    np.testing.assert_array_equal(x.grad.cpu().numpy(), draws(2, 3))
    assert x.to("cuda") is x
    assert x.to("float64").dtype == x.to(np.float64).dtype == np.float64


def test_numpy_is_refused_what_is_on_a_gpu(cupy):
    with pytest.raises(RuntimeError, match=r"on cuda; use tensor.cpu\(\).numpy\(\)"):
        Tensor(draws(2), device="cuda").numpy()


@pytest.mark.parametrize("function", [ops.add, ops.matmul, ops.mse_loss])
def test_tensors_of_two_devices_are_refused(cupy, function):
    x, y = Tensor(draws(2, 2)), Tensor(draws(2, 2), device="cuda")
    with pytest.raises(ValueError, match="on cpu and on cuda: move them"):
        function(y, x)
    with pytest.raises(ValueError, match="on cpu and on cuda: move them"):
        function(x, y)


def test_unknown_devices_are_refused():
    with pytest.raises(RuntimeError, match="device 'gpu' is unknown: choose one of cpu, cuda"):
        Tensor(1.0, device="gpu")


ELEMENTWISE = {
    "arithmetic": lambda x: (2 * x - x / 3 + x**2 - 1).sum(),
    "comparison": lambda x: ops.where(x > 0.5, x, x * 0.1).mean(),
    "activations": lambda x: (x.sigmoid() + x.tanh() + ops.gelu(x) + ops.silu(x)).sum(),
    "shapes": lambda x: ops.cat([x.T, x.reshape(3, 2)], dim=1)[1:, :2].sum(),
    "attention": lambda x: (ops.self_attention(x.reshape(1, 2, 3), 1, is_causal=True) ** 2).sum(),
    "masked attention": lambda x: ops.scaled_dot_product_attention(
        x, x * 2, x - 1, x[:, :2] > 0.1
    ).sum(),
    "softmax": lambda x: (ops.softmax(x, -1) * x).sum(),
    "statistics": lambda x: (x.var(dim=0) + x.amax(dim=0)).sum(),
    "layer_norm": lambda x: (ops.layer_norm(x, (3,)) * x).sum(),
    "batch_norm": lambda x: (ops.batch_norm(x, None, None, training=True) * x).sum(),
    "losses": lambda x: ops.mse_loss(x, x * 0.5) + ops.l1_loss(x, x * 2) + ops.huber_loss(x, x * 3),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_array_library_does_the_rest(cupy, name):
    here, there = (Tensor(draws(2, 3), requires_grad=True, device=d) for d in ("cpu", "cuda"))
    losses = [ELEMENTWISE[name](x) for x in (here, there)]
    for loss in losses:
        loss.backward()
    assert losses[1].device == there.grad.device == "cuda"
    np.testing.assert_allclose(losses[1].item(), losses[0].item(), rtol=1e-5)
    np.testing.assert_allclose(there.grad.cpu().numpy(), here.grad.numpy(), rtol=1e-4, atol=1e-6)


def models():
    random.manual_seed(0)
    yield "dense", DenseAutoencoder([6, 3]), (6,)
    yield "vae", VAE([6, 4, 1]), (6,)
    yield "conv", ConvAutoencoder((1, 4, 3), (2,), 2), (1, 4, 3)
    yield "vq-vae", VQVAE((1, 4, 3), (2,), codes=3, latent=2), (1, 4, 3)


MODELS = [name for name, _, _ in models()]


def model_called(name):
    return next((model, shape) for other, model, shape in models() if other == name)


def losses_of(model, batches, device, step=None, optimizer=optim.Adam, **options):
    """Return the losses of a few steps on a device."""
    model.to(device)
    adam = optimizer(model.parameters(), lr=0.01, **options)
    step = CapturedStep(model, adam) if step else lambda batch: train_step(model, adam, batch)
    random.manual_seed(1)
    return [step([arrays.to_device(batch, device)]) for batch in batches], adam


@pytest.mark.parametrize("name", ["dense", "conv", "vq-vae"])
def test_training_there_is_training_here(cupy, name):
    (here, shape), (there, _) = model_called(name), model_called(name)
    batches = [draws(4, *shape, seed=i) for i in range(2)]
    expected, _ = losses_of(here, batches, "cpu")
    actual, _ = losses_of(there, batches, "cuda")
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    for key, value in there.state_dict().items():
        close = {"rtol": 1e-3, "atol": 2e-5}  # where a gradient is about 0, Adam's step is not
        np.testing.assert_allclose(value.get(), here.state_dict()[key], **close, err_msg=key)


@pytest.mark.parametrize(
    ("name", "device", "sizes", "how"),
    [
        ("dense", "cpu", [2, 2, 1, 2], {"optimizer": optim.SGD, "momentum": 0.9}),
        ("vae", "cuda", [2, 2, 2], {"optimizer": optim.AdamW}),  # whose noise is the GPU's
    ],
)
def test_captured_steps_are_the_same_steps(cupy, name, device, sizes, how):
    (usual, shape), (captured, _) = model_called(name), model_called(name)
    batches = [draws(n, *shape, seed=i) for i, n in enumerate(sizes)]  # an epoch's last is smaller
    expected, other = losses_of(usual, batches, device, **how)
    actual, recorded = losses_of(captured, batches, "cuda", "captured", **how)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    assert recorded.steps == other.steps
    for a, b in zip(usual.to("cpu").parameters(), captured.to("cpu").parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-4, atol=1e-6)


def test_a_step_is_recorded_again_for_another_rate(cupy):
    model, shape = model_called("dense")
    sgd = optim.SGD(model.to("cuda").parameters(), lr=0.1)
    step, batch = CapturedStep(model, sgd), [arrays.to_device(draws(2, *shape), "cuda")]
    step(batch), step(batch)
    sgd.lr, (weight, *_) = 0.0, model.parameters()
    before = weight.data.get()
    step(batch)
    np.testing.assert_array_equal(weight.data.get(), before)


class Waiting(DenseAutoencoder):
    """Looks at a number in every step, as a graph cannot."""

    def loss(self, x, target=None):
        loss = super().loss(x, target)
        return loss * 2 if loss.item() > 1e9 else loss


def test_what_cannot_be_recorded_is_said(cupy):
    random.manual_seed(0)
    model = Waiting([3, 2]).to("cuda")
    step = CapturedStep(model, optim.SGD(model.parameters()))
    batch = [arrays.to_device(draws(1, 3), "cuda")]
    step(batch)
    with pytest.raises(InputError, match=r"cannot be recorded \(.*\): leave out --cuda-graph"):
        step(batch)


def test_only_steps_on_a_gpu_are_captured():
    model = DenseAutoencoder([3, 2])
    with pytest.raises(InputError, match="only steps on a GPU can be captured"):
        CapturedStep(model, optim.SGD(model.parameters()))


def test_fit_trains_where_the_model_is(cupy, tmp_path):
    images = draws(5, 6)

    def trained(device, epochs, **options):
        model, _ = model_called("dense")
        history = fit(
            model.to(device),
            images,
            images[:2],
            epochs=epochs,
            batch_size=3,
            show_progress=False,
            **options,
        )
        return [record["validation_loss"] for record in history], model.state_dict()

    expected, _ = trained("cpu", 2)
    trained("cuda", 1, out=tmp_path)
    actual, state = trained("cuda", 2, out=tmp_path, resume=True, cuda_graph=True)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    saved, _ = checkpoint.load(tmp_path / "last.safetensors")
    for name, array in state.items():
        np.testing.assert_array_equal(saved[f"model.{name}"], array.get())


def test_random_numbers_go_on_after_their_state_was_kept(cupy):
    random.manual_seed(3)
    random.normal((5,), device="cuda")
    state = random.get_state()
    first = random.normal((5,), device="cuda").get()
    random.set_state(state)
    np.testing.assert_array_equal(random.normal((5,), device="cuda").get(), first)


def test_evaluation_leaves_the_gpus_random_numbers_alone(cupy):
    """Also where none was drawn before it."""
    random.manual_seed(3)
    expected = random.normal((5,), device="cuda").get()
    random.manual_seed(3)
    random._on_gpu.state = None
    state = random.get_state()
    random.manual_seed(4)
    random.normal((5,), device="cuda")
    random.set_state(state)
    np.testing.assert_array_equal(random.normal((5,), device="cuda").get(), expected)


def test_a_moved_model_needs_a_new_optimizer(cupy):
    model = nn.Linear(2, 1)
    sgd = optim.SGD(model.parameters())
    model.to("cuda")
    model(Tensor(draws(3, 2), device="cuda")).sum().backward()
    with pytest.raises(RuntimeError, match="moved to cuda: make a new optimizer"):
        sgd.step()


def test_gradients_somebody_kept_stay_as_they_are(cupy):
    x = nn.Parameter(Tensor([1.0, 2.0], device="cuda").data)
    sgd = optim.SGD([x], lr=0.1)
    (x * x).sum().backward()
    kept, numbers = x.grad, x.grad.cpu().numpy()
    sgd.step()
    sgd.zero_grad()
    (x * 100).sum().backward()
    np.testing.assert_array_equal(kept.cpu().numpy(), numbers)
