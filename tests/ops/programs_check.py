"""Running a random program in minae and in PyTorch, line by line, and comparing everything.

After a line that both have run, all variables must be equal, and minae goes on with PyTorch's
numbers: so each line is compared by itself, without the rounding of those before it. Gradients come
through the whole graph, and are compared on the scale of the largest number that took part.
"""

import re
import warnings

import numpy as np

from minae import Tensor

from .cases import torch
from .differences import Seen, tolerated
from .programs import Program, Step, computed
from .programs_ops import OUR_NAMES, THEIR_NAMES

# float64: PyTorch computes here and there with constants of float32, such as the floor of a loss
RELATIVE = {"float16": 4e-3, "float32": 2e-5, "float64": 1e-8}

# Where numbers are added up, rounding is on the scale of the largest of them, or of its square.
# Everything else moves numbers, or computes entry by entry.
SUMS = (
    "adaptive_avg_pool2d avg_pool1d avg_pool2d cumsum elu gelu interpolate l1_loss log_softmax"
    " logsumexp mean scatter_add silu softmax softplus sum"
)
SUMS_OF_PRODUCTS = (
    "batch_norm binary_cross_entropy binary_cross_entropy_with_logits bmm conv1d conv2d"
    " conv_transpose1d conv_transpose2d cross_entropy einsum group_norm huber_loss kl_div"
    " layer_norm linear matmul mse_loss nll_loss norm prod scaled_dot_product_attention"
    " smooth_l1_loss std var"
)
DIVIDING = "/ div ** pow log % remainder write"
WRITING = ("write", "batch_norm")  # tensors differ after these if only one library ran them


class DifferenceError(AssertionError):
    """The libraries differ. `what` is short, and tells kinds of differences apart."""

    def __init__(self, step: Step, what: str, details: str = ""):
        super().__init__(f"{step.text}\n{what}\n{details}")
        self.step, self.what = step, what


class InconclusiveError(Exception):
    """From here on the program says nothing: the libraries went different ways, as they may."""


def names_in(text) -> list[str]:
    return re.findall(r"\bt\d+\b", text)


def execute(text, names):
    """Run a line; return the exception that it ended with, or None. A warning of ours is one."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore" if names["leaf"] is THEIR_NAMES["leaf"] else "error")
        try:
            exec(text, names)
        except Exception as error:
            return error
    return None


def largest(arrays) -> float:
    """Return the largest finite magnitude among the floats."""
    return max(
        (
            np.abs(a[np.isfinite(a)], dtype=float).max(initial=0)
            for a in arrays
            if a.dtype.kind == "f"
        ),
        default=0.0,
    )


def difference(ours, theirs, scale, relative=0.0) -> str:
    """Say how an array of ours differs from PyTorch's; "" if it does not."""
    if ours.dtype != theirs.dtype:
        return f"dtype {ours.dtype}, not {theirs.dtype}"
    if ours.shape != theirs.shape:
        return f"shape {ours.shape}, not {theirs.shape}"
    if ours.dtype.kind != "f":
        return "" if np.array_equal(ours, theirs) else "values"
    a, b = ours.astype(float), theirs.astype(float)
    with np.errstate(all="ignore"):
        room = max(relative, RELATIVE[ours.dtype.name]) * np.maximum(np.abs(b), scale)
        wrong = ~((np.abs(a - b) <= room + np.finfo(ours.dtype).tiny) | (a == b))
    wrong &= ~(np.isnan(a) & np.isnan(b))
    if not wrong.any():
        return ""
    a, b = a[wrong], b[wrong]
    if np.isnan(b).all():
        return "nan in PyTorch only"
    return "values" if np.isfinite(a).all() and np.isfinite(b).all() else "nan or inf"


class Run:
    """The variables of both libraries, while a program is run."""

    def __init__(self, program: Program):
        self.program = program
        self.ours, self.theirs = dict(OUR_NAMES), dict(THEIR_NAMES)
        self.lost: set[str] = set()  # variables that a library has not got, since it refused

    def __iter__(self):
        """Yield the name of each tensor, ours, PyTorch's, and the array of that."""
        for name, x in self.ours.items():
            if isinstance(x, Tensor) and name not in self.lost:
                t = self.theirs[name]
                yield name, x, t, t.detach().numpy()

    def step(self, step: Step):
        used = set(names_in(step.text))
        new = {name for name in used if name not in self.theirs}
        if used & self.lost:
            self.lost |= new
            return
        self.judge_operands(step, [self.theirs[name].detach().numpy() for name in used - new])
        self.judge_memory(step)
        if self.refused(step):
            self.lost |= new
            return
        self.compare(step)
        self.compare_memory(step, new, used - new)

    def judge_operands(self, step, arrays):
        """Raise InconclusiveError where what is right depends on the order of sums and products."""
        self.scale = 0.0
        self.relative = max([RELATIVE.get(a.dtype.name, 0.0) for a in arrays], default=0.0)
        if step.about in SUMS.split():
            self.scale = largest(arrays)
        elif step.about in SUMS_OF_PRODUCTS.split():
            self.scale = max(largest(arrays), largest(arrays) ** 2)
        limits = [np.finfo(a.dtype).max for a in arrays if a.dtype.kind == "f"]
        found = [
            name
            for name in ("nan", "inf")
            if any(getattr(np, f"is{name}")(a).any() for a in arrays)
        ]
        if limits and self.scale > min(limits) / 1000 and tolerated(Seen(step, "overflow")):
            raise InconclusiveError
        if found and tolerated(Seen(step, f"{found[0]} among the operands")):
            raise InconclusiveError

    def judge_memory(self, step):
        """Raise InconclusiveError where PyTorch may read what it has just written."""
        if step.about == "write" and len(names := names_in(step.text)) > 1:
            first, *others = (self.theirs[name].detach() for name in names)
            start = first.untyped_storage().data_ptr()
            same = [t for t in others if t.untyped_storage().data_ptr() == start]
            in_order = all(
                (t.data_ptr(), t.stride(), t.shape)
                == (first.data_ptr(), first.stride(), first.shape)
                for t in same
            )
            indexed = "] = " in step.text
            if (same if indexed else not in_order) and tolerated(Seen(step, "overlap")):
                raise InconclusiveError

    def refused(self, step) -> bool:
        """Run a line; return whether it was refused, raise DifferenceError if by one library."""
        known = set(self.theirs)
        ours, theirs = execute(step.text, self.ours), execute(step.text, self.theirs)
        if ours is not None and "ZeroDivisionError" in str(theirs) and step.about in WRITING:
            raise InconclusiveError  # PyTorch stops halfway through the entries
        if (ours is None) == (theirs is None):
            return ours is not None
        made = [
            self.theirs[name] for name in names_in(step.text) if name not in known and not theirs
        ]
        self.judge_refusal(step, ours, theirs, empty=any(t.numel() == 0 for t in made))
        if step.about in WRITING:
            raise InconclusiveError
        return True

    def judge_refusal(self, step, ours, theirs, empty=False):
        """Raise DifferenceError unless the table knows why only one library refuses."""
        if not tolerated(Seen(step, "refused", ours, theirs, empty)):
            by, error = ("minae", ours) if theirs is None else ("PyTorch", theirs)
            raise DifferenceError(step, f"only {by} refuses: {type(error).__name__}: {error}"[:99])

    def compare(self, step):
        named = names_in(step.text)
        for name, x, t, expected in self:
            scale = self.scale if name in named else 0
            why = difference(x.data, expected, scale, self.relative)
            if x.requires_grad != t.requires_grad:
                why = f"requires_grad {x.requires_grad}, not {t.requires_grad}"
            if why and not tolerated(Seen(step, why)):
                raise DifferenceError(
                    step, why, f"{name} of minae, of PyTorch:\n{x.data}\n{expected}"
                )
            if why.startswith(("dtype", "requires")):
                raise InconclusiveError
            if expected.dtype.kind == "f" and x.data.flags.writeable:
                np.copyto(x.data, expected)

    def compare_memory(self, step, new, old):
        """Check that what is new shares its memory with the same tensors in both libraries."""
        for a in new:
            for b in old:
                x, y, t, u = self.ours[a], self.ours[b], self.theirs[a], self.theirs[b]
                if not t.numel() or not u.numel():
                    continue
                ours = np.may_share_memory(x.data, y.data)
                if ours != (t.untyped_storage().data_ptr() == u.untyped_storage().data_ptr()):
                    what = "shares memory" if ours else "copies"
                    what += "" if y.data.flags.c_contiguous else ", of another layout"
                    if not tolerated(Seen(step, what)):
                        raise DifferenceError(step, what, f"{a} of {b}")
                    raise InconclusiveError

    def walk_back(self, steps):
        """Run the calls of backward, and compare the gradients of all leaves."""
        for step in steps:
            if set(names_in(step.text)) & self.lost:
                raise InconclusiveError
            ours, theirs = execute(step.text, self.ours), execute(step.text, self.theirs)
            if theirs is not None and "inplace" in str(theirs):
                if ours is None:  # right if these are the gradients of what was computed
                    self.theirs = self.unaliased(step)
                    break
                if not (isinstance(ours, RuntimeError) and "in place" in str(ours)):
                    raise DifferenceError(step, f"refused in other words: {ours!r}")
                raise InconclusiveError
            if (ours is None) != (theirs is None):
                self.judge_refusal(step, ours, theirs)
            if ours is not None or theirs is not None:
                raise InconclusiveError
        self.compare_gradients(step)

    def unaliased(self, last: Step) -> dict:
        """Run the program in PyTorch with what backward needs kept as it was before writes."""
        names = dict(THEIR_NAMES)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
            for step in self.program[: self.program.index(last) + 1]:
                error = execute(step.text, names)
        if error:
            raise InconclusiveError
        return names

    def compare_gradients(self, step):
        leaves = [(name, x, t) for name, x, t, _ in self if t.requires_grad and not computed(t)]
        grads = [t.grad.numpy() for _, _, t in leaves if t.grad is not None]
        values = [array for _, _, t, array in self if t.requires_grad]
        with np.errstate(over="ignore"):
            scale = max(1, largest(grads)) * max(1, largest(values))
            if any(step.about in DIVIDING.split() for step in self.program):
                scale *= max(1, largest([1 / array[array != 0] for array in values]))
        finite = all(np.isfinite(array).all() for array in (*values, *grads))
        at = "" if finite else "at nan "
        relative = max([RELATIVE.get(array.dtype.name, 0) for *_, array in self])
        limits = [np.finfo(a.dtype).max for a in grads]
        if limits and scale > min(limits) / 1000 and tolerated(Seen(step, "overflow")):
            raise InconclusiveError
        for name, x, _, expected in self:
            if why := difference(x.data, expected, 0):
                raise DifferenceError(step, f"backward changed {why}", name)
        for name, x, t in leaves:
            if (x.grad is None) != (t.grad is None):
                raise DifferenceError(step, f"gradient {x.grad}, not {t.grad}", name)
            if t.grad is None:
                continue
            why = difference(x.grad.data, t.grad.numpy(), scale, relative)
            if why and not tolerated(Seen(step, f"gradient {at}{why}")):
                details = f"of {name} in minae, in PyTorch:\n{x.grad.data}\n{t.grad.numpy()}"
                raise DifferenceError(step, f"gradient {at}{why}", details)


def check(program: Program):
    """Run the program in both libraries; raise DifferenceError where they differ."""
    run = Run(program)
    walks = [step for step in program if step.about == "backward"]
    try:
        for step in program[: len(program) - len(walks)]:
            run.step(step)
        if walks:
            run.walk_back(walks)
    except InconclusiveError:
        pass
