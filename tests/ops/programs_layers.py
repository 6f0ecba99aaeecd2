"""What a random program may say of layers, losses, pooling and images: see programs_ops."""

from functools import partial

from .programs import Sketch

INTEGERS = ["int64"]
IMAGES = [(1, 2, 4, 4), (2, 2, 3, 4)]
REDUCTIONS = ["mean", "sum", "none"]
PROBABILITIES = [0.5, 0.25, 0.9, 1.0, 0.0, 0.1]


def chosen(s: Sketch, options) -> str:
    """Draw keyword arguments, each from its list, or left out."""
    return "".join(f", {key}={s.one_of(values)!r}" for key, values in options.items() if s.often())


def loss(s: Sketch, name, pool=None, **options):
    """f(x, target), both of one shape."""
    x = s.tensor(pool=pool) if s.seldom() else s.floats(pool=pool)
    target = s.alike(x, s.shape(x), pool=pool) if s.often() else s.tensor()
    return f"{name}({x}, {target}{chosen(s, {'reduction': REDUCTIONS, **options})})"


def bce_with_logits(s: Sketch, name):
    x = s.floats()
    target = s.leaf(s.shape(x), dtypes=[s.dtype(x)], pool=PROBABILITIES)
    weights = ""
    if not s.often():
        weights = f", {s.one_of(['weight', 'pos_weight'])}={positive(s, x, s.shape(x)[-1:])}"
    return f"{name}({x}, {target}{weights}{chosen(s, {'reduction': REDUCTIONS})})"


def positive(s: Sketch, name, shape):
    """Return a leaf of positive numbers, which nobody differentiates by."""
    return s.leaf(shape, dtypes=[s.dtype(name)], pool=[1.0, 0.5], plain=True)


def classification(s: Sketch, name, **options):
    """f(x, class numbers), of rows or of images."""
    x = s.floats((2, 3), (3, 2), (3, 3), (2, 3, 2), (0, 3))
    shape = s.shape(x)
    target = (*shape[:1], *shape[2:])
    position = s.leaf(target, dtypes=INTEGERS, pool=range(max(shape[1], 1)))
    options = {"reduction": REDUCTIONS, "ignore_index": [-100, 0], **options}
    weight = "" if s.often() else f", {positive(s, x, (shape[1],))}"
    return f"{name}({x}, {position}{weight}{chosen(s, options)})"


def matmul(s: Sketch, name):
    x = s.tensor(dims=[1, 2, 3]) if s.seldom() else s.floats(dims=[1, 2, 3])
    n = s.shape(x)[-1]
    y = s.alike(x, (n,), (n, 2), (n, 3), (2, n, 3)) if s.often() else s.tensor()
    return s.one_of([f"matmul({x}, {y})", f"{x} @ {y}"])


def bmm(s: Sketch, name):
    x = s.floats((2, 1, 3), (2, 3, 2))
    return f"bmm({x}, {s.alike(x, (2, s.shape(x)[2], 3))})"


def outer(s: Sketch, name):
    x = s.tensor((2,), (3,), (0,))
    return f"outer({x}, {s.tensor((2,), (3,))})"


def einsum(s: Sketch, name):
    x = s.floats(dims=[2])
    a, b = s.shape(x)
    text, shape = s.one_of([("ij,jk->ik", (b, 2)), ("ij,ij->j", (a, b)), ("ij,ik", (a, 3))])
    return f"einsum({text!r}, {x}, {s.alike(x, shape)})"


def linear(s: Sketch, name):
    x = s.floats(dims=[1, 2, 3])
    n = s.shape(x)[-1]
    weight = s.alike(x, (2, n), (3, n))
    bias = f", {s.alike(x, s.shape(weight)[:1])}" if s.often() else ""
    return f"linear({x}, {weight}{bias})"


def embedding(s: Sketch, name):
    weight = s.floats(dims=[2])
    rows = s.shape(weight)[0]
    index = s.leaf((2,), (2, 3), (), dtypes=INTEGERS, pool=range(max(rows, 1)))
    return (
        f"embedding({index}, {weight}{chosen(s, {'padding_idx': [None, 0, -1]} if rows else {})})"
    )


def attention(s: Sketch, name):
    query = s.floats((2, 3), (2, 3, 2), (3, 3))
    *batch, length, n = s.shape(query)
    key = s.alike(query, (*batch, 3, n), (*batch, 2, n))
    value = s.alike(query, (*s.shape(key)[:-1], 2), s.shape(key))
    text = f"{name}({query}, {key}, {value}"
    what = s.one_of(["", "causal", "bool", s.dtype(query)])
    if what == "causal":
        return f"{text}, is_causal=True)"
    if what:
        return f"{text}, attn_mask={s.tensor((length, s.shape(key)[-2]), dtypes=[what])})"
    return f"{text}{chosen(s, {'scale': [0.5]})})"


def convolution(s: Sketch, name, dims=2, transposed=False):
    x = s.floats(*([(2, 2, 4), (1, 2, 3)] if dims == 1 else IMAGES))
    kernel = s.one_of([(2,), (3,), (1,)]) * dims
    weight = s.alike(x, (2, 2, *kernel), (2, 1, *kernel))
    groups = 1 if transposed or s.shape(weight)[1] == 2 else 2
    channels = s.shape(weight)[transposed]
    bias = f", {s.alike(x, (channels,))}" if s.often() else ""
    options = chosen(s, {"stride": [1, 2], "padding": [0, 1], "dilation": [1, 1, 2]})
    return f"{name}({x}, {weight}{bias}{options}, groups={groups})"


def image(s: Sketch, name, needed, shapes=IMAGES, **options):
    """f(x, size) of images, or of sequences."""
    return f"{name}({s.floats(*shapes)}, {s.one_of(needed)}{chosen(s, options)})"


def interpolate(s: Sketch, name):
    size = s.one_of(["size=(5, 3)", "size=2", "scale_factor=2", "scale_factor=(1.5, 2.0)"])
    align = f", align_corners={s.often()}"
    mode = s.one_of(["", ", mode='nearest'", f", mode='bilinear'{align}"])
    return f"{name}({s.floats(*IMAGES)}, {size}{mode})"


def pad(s: Sketch, name):
    if not s.often():
        mode = s.one_of(["reflect", "replicate", "circular"])
        return f"pad({s.floats(*IMAGES)}, {s.one_of([(1, 1, 2, 0), (0, 2, 1, 1)])}, mode={mode!r})"
    x = s.tensor(dims=[1, 2, 3])
    widths = tuple(s.integer(-1, 2) for _ in range(2 * s.integer(1, len(s.shape(x)))))
    return f"pad({x}, {widths}{chosen(s, {'value': [0.0, 1.5]})})"


def layer_norm(s: Sketch, name):
    x = s.floats(dims=[1, 2, 3])
    shape = s.shape(x)[-s.integer(1, len(s.shape(x))) :]
    affine = f", {s.alike(x, shape)}, {s.alike(x, shape)}" if s.often() else ""
    return f"layer_norm({x}, {shape}{affine})"


def batch_norm(s: Sketch, name):
    x = s.floats(dims=[2, 3])
    channels = s.shape(x)[1:2]
    affine = ""
    if s.often():  # PyTorch's gradients are wrong for a weight that is not contiguous
        affine = "".join(f", {s.alike(x, channels)}.contiguous()" for _ in range(2))
    # the running statistics belong to nobody else: they are written to
    running = (positive(s, x, channels) for _ in range(2))
    return f"batch_norm({x}, {', '.join(running)}{affine}, training={s.often()})"


def group_norm(s: Sketch, name):
    x = s.floats(*IMAGES, (2, 2, 4))
    affine = f", {s.alike(x, (2,))}, {s.alike(x, (2,))}" if s.often() else ""
    return f"group_norm({x}, {s.one_of([1, 2])}{affine})"


ROWS = [(2, 2, 4), (1, 2, 3)]
POOL = {"stride": [None, 1, 2], "padding": [0, 0, 1], "ceil_mode": [False, True]}
MEANS = {**POOL, "count_include_pad": [True, False]}

LAYERS = {
    "adaptive_avg_pool2d": partial(image, needed=[1, 2, (2, 3), (None, 1)]),
    "avg_pool1d": partial(image, needed=[2, 3], shapes=ROWS, **MEANS),
    "avg_pool2d": partial(image, needed=[2, 3, (1, 2)], **MEANS),
    "batch_norm": batch_norm,
    "binary_cross_entropy": partial(loss, pool=PROBABILITIES),
    "binary_cross_entropy_with_logits": bce_with_logits,
    "bmm": bmm,
    "conv1d": partial(convolution, dims=1),
    "conv2d": convolution,
    "conv_transpose1d": partial(convolution, dims=1, transposed=True),
    "conv_transpose2d": partial(convolution, transposed=True),
    "cross_entropy": partial(classification, label_smoothing=[0.0, 0.1]),
    "einsum": einsum,
    "embedding": embedding,
    "group_norm": group_norm,
    "huber_loss": partial(loss, delta=[1.0, 0.5]),
    "interpolate": interpolate,
    "kl_div": partial(loss, pool=PROBABILITIES, log_target=[False, True]),
    "l1_loss": loss,
    "layer_norm": layer_norm,
    "linear": linear,
    "matmul": matmul,
    "max_pool1d": partial(image, needed=[2, 3], shapes=ROWS, **POOL),
    "max_pool2d": partial(image, needed=[2, 3, (1, 2)], **POOL),
    "mse_loss": loss,
    "nll_loss": classification,
    "outer": outer,
    "pad": pad,
    "pixel_shuffle": partial(image, needed=[2], shapes=[(4, 2, 2), (1, 4, 2, 1)]),
    "pixel_unshuffle": partial(image, needed=[2], shapes=[(1, 2, 4), (1, 2, 4, 4)]),
    "scaled_dot_product_attention": attention,
    "smooth_l1_loss": partial(loss, beta=[1.0, 0.5]),
}
