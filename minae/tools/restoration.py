"""How well a model restores pictures, beside the classical methods at their best settings.

All see the same corrupted pictures. The methods' settings are chosen on pictures that are not those
of the comparison. Averages of clipped noise would stay grey, so every method is followed by levels,
a and b, as in a photo editor, fitted on the pictures that its setting is chosen on:
clip(a * output + b, 0, 1).
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from minae import plots
from minae.data.corruptions import Compose, Corruption, Holes, MaskBlock
from minae.metrics import fit_levels, psnr, ssim
from minae.report import print_table
from minae.tools.classical import Rival, rivals

#: Pictures to choose settings with, and to compare: how many, their longest side, and how many
#: numbers in all. Larger pictures are cropped; so it takes minutes, not hours.
CHOOSING, COMPARING = (50, 128, 400_000), (200, 512, 12_000_000)
DETAIL = 64  # pixels of a side of what is shown enlarged

#: A list of images (C, H, W) of any sizes, or an array (N, C, H, W).
Pictures = Sequence[np.ndarray] | np.ndarray


class Case(NamedTuple):
    """A clean picture (C, H, W), a corrupted one, and what is meant for just that corruption."""

    clean: np.ndarray
    corrupted: np.ndarray
    rivals: dict[str, Rival]


class Chosen(NamedTuple):
    """A method's best setting, and the levels after it."""

    setting: Any
    a: float
    b: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Scores of each picture by method: "corrupted", the rivals, and the model, the last."""

    model: str
    corruption: Corruption
    cases: list[Case]
    restored: list[np.ndarray]  # by the model
    chosen: dict[str, Chosen]
    psnr: dict[str, np.ndarray]  # (N,), in dB
    ssim: dict[str, np.ndarray]  # (N,)

    @property
    def best(self) -> str:
        """The rival with the highest mean PSNR."""
        return max(self.chosen, key=lambda name: self.psnr[name].mean())

    @property
    def gains(self) -> np.ndarray:
        """By how much the model is better than the best rival on each picture: (N,), in dB."""
        return self.psnr[self.model] - self.psnr[self.best]


def compare(
    model: str,
    restore: Callable[[np.ndarray], np.ndarray],
    corruption: Corruption,
    unseen: Pictures,
    choosing: Pictures,
) -> Comparison:
    """Compare a model, called `model` and as restore(image), with the rivals on unseen pictures.

    Pictures are (C, H, W), float32 in [0, 1] or uint8, of any sizes. `choosing` are those that the
    methods' settings are chosen with, which the model was not trained on either. Where there
    are ranges, each picture has its own level. The same pictures are always corrupted the same way.
    """
    trial = make_cases(corruption, limited(choosing, *CHOOSING), seed=1)
    chosen = {name: choose(name, trial) for name in trial[0].rivals}
    cases = make_cases(corruption, limited(unseen, *COMPARING), seed=0)
    restored = [np.clip(restore(case.corrupted), 0, 1) for case in cases]
    outputs = {"corrupted": [case.corrupted for case in cases]}
    scores: dict[str, np.ndarray] = {}  # name: (2, N)
    for name in (*outputs, *chosen, model):
        if name in chosen:
            images = (apply(case, name, chosen[name]) for case in cases)
        else:
            images = outputs.get(name, restored)
        pairs = [(x, case.clean) for x, case in zip(images, cases, strict=True)]
        scores[name] = np.array([[psnr(x[None], y[None]), ssim(x, y)] for x, y in pairs]).T
    decibels, similarity = ({name: pair[k] for name, pair in scores.items()} for k in (0, 1))
    return Comparison(model, corruption, cases, restored, chosen, decibels, similarity)


def limited(pictures: Pictures, count: int, side: int, values: int) -> list[np.ndarray]:
    """Return the middles of the first pictures (C, H, W), at most side x side pixels each, float32.

    There are at most `count`, with at most so many values in all, but at least one.
    """
    found = []
    for picture in pictures[:count]:
        top, left = (max(0, (length - side) // 2) for length in picture.shape[1:])
        middle = picture[:, top : top + side, left : left + side]
        found.append(
            np.divide(middle, 255, dtype=np.float32) if middle.dtype == np.uint8 else middle
        )
        values -= found[-1].size
        if values < picture[:, :side, :side].size:
            break
    return found


def make_cases(corruption: Corruption, pictures: Pictures, seed: int) -> list[Case]:
    """Corrupt pictures (C, H, W), each with a seed and a level of its own."""
    cases = []
    for index, picture in enumerate(pictures):
        rng = np.random.default_rng((seed, index))
        own = corruption.drawn(rng)
        x, hidden = picture[None], np.zeros(picture.shape[1:], bool)
        for step in own.steps if isinstance(own, Compose) else (own,):
            if isinstance(step, MaskBlock | Holes):
                white = np.ones((1, 1, *hidden.shape), np.float32)
                hidden |= step(white, copy.deepcopy(rng))[0, 0] == 0
            x = step(x, rng)
        cases.append(Case(picture, x[0], rivals(own, hidden)))
    return cases


def choose(name: str, cases: list[Case]) -> Chosen:
    """Return the setting of a method, and the levels, with the highest mean PSNR."""
    clean = np.concatenate([case.clean.ravel() for case in cases])
    found = []
    for index, setting in enumerate(cases[0].rivals[name].settings):
        outputs = [case.rivals[name].method(case.corrupted, setting) for case in cases]
        chosen = Chosen(setting, *fit_levels(np.concatenate([x.ravel() for x in outputs]), clean))
        pairs = zip(outputs, cases, strict=True)
        each = [psnr(_level(x, chosen)[None], case.clean[None]) for x, case in pairs]
        found.append((np.mean(each), -index, chosen))
    return max(found)[-1]


def apply(case: Case, name: str, chosen: Chosen) -> np.ndarray:
    """Return what a method makes of a corrupted picture, (C, H, W) in [0, 1]."""
    return _level(case.rivals[name].method(case.corrupted, chosen.setting), chosen)


def _level(image: np.ndarray, chosen: Chosen) -> np.ndarray:
    return np.clip(chosen.a * image + chosen.b, 0, 1, dtype=np.float32)


def verdict(found: Comparison) -> str:
    """Return a sentence that says how the model compares with the best rival, worst cases too."""
    gains, N = found.gains, len(found.gains)
    better, mean = int((gains > 0).sum()), gains.mean()
    pictures = f"{N} unseen picture{'s' * (N > 1)}"
    where = f"all {pictures}" if better == N else f"{better} of {pictures}"
    told = _told(found.corruption)
    rival = f"{found.best} (which is told {told})" if told else found.best
    text = f"{found.model} is better than the best rival, {rival}, on {where}"
    if better < N:
        text += f", and worse by up to {-gains.min():.2f} dB on {N - better}"
    text += f"; on average {abs(mean):.2f} dB {'better' if mean > 0 else 'WORSE'}"
    before, after = (found.psnr[name].mean() for name in ("corrupted", found.model))
    if after < before:
        text += f"; it makes the pictures WORSE, from {before:.2f} to {after:.2f} dB"
    return text


def _told(corruption: Corruption) -> str:
    """Return what the rivals are told of each picture that the model has to find out."""
    steps = corruption.steps if isinstance(corruption, Compose) else (corruption,)
    told = ["the level"] if corruption.drawn(np.random.default_rng(0)) != corruption else []
    if any(isinstance(step, MaskBlock | Holes) for step in steps):
        told.append("which pixels are missing")
    return " and ".join(told)


def _setting(setting: Any) -> str:
    """Return a method's setting in few digits: 0.000316 or soft, 0.5."""
    parts = setting if isinstance(setting, tuple) else () if setting is None else (setting,)
    return ", ".join(part if isinstance(part, str) else f"{part:.3g}" for part in parts)


def print_comparison(found: Comparison) -> None:
    """Print all mean scores with the chosen settings, and the verdict."""
    rows = [
        (
            name,
            f"{found.psnr[name].mean():.2f}",
            f"{found.ssim[name].mean():.3f}",
            _setting(setting),
        )
        for name in found.psnr
        for setting in [found.chosen[name].setting if name in found.chosen else None]
    ]
    print_table(("", "PSNR in dB", "SSIM", "chosen setting"), rows)
    print(verdict(found))


def draw_comparison(found: Comparison) -> Figure:
    """Draw the mean scores, the gain on each picture, and details of three pictures.

    These are the one with the least gain, the one in the middle, and the one with the most.
    """
    order = np.argsort(found.gains, kind="stable")
    picked = {"least gain": order[0], "middle": order[len(order) // 2], "most gain": order[-1]}
    details = {}
    for name, index in list(picked.items())[: len(order)]:
        case, gain = found.cases[index], found.gains[index]
        rival = apply(case, found.best, found.chosen[found.best])
        window = detail(rival, found.restored[index])
        images = {
            "corrupted": case.corrupted,
            found.best: rival,
            found.model: found.restored[index],
            "original": case.clean,
        }
        details[f"{name}: {gain:+.2f} dB".replace("-", "−")] = {
            k: x[window] for k, x in images.items()
        }
    scores = {name: (found.psnr[name].mean(), found.ssim[name].mean()) for name in found.psnr}
    return plots.restoration(
        scores, found.gains, found.best, details, f"{found.corruption}: {verdict(found)}"
    )


def detail(one: np.ndarray, other: np.ndarray) -> tuple[slice, ...]:
    """Return where, in a window of 64 x 64 pixels or less, two images (C, H, W) differ most."""
    H, W = one.shape[1:]
    h, w = min(H, DETAIL), min(W, DETAIL)
    error = np.zeros((H + 1, W + 1))  # up to and left of each pixel
    error[1:, 1:] = np.square(one - other).sum(axis=0).cumsum(axis=0).cumsum(axis=1)
    sums = error[h:, w:] - error[:-h, w:] - error[h:, :-w] + error[:-h, :-w]
    top, left = np.unravel_index(np.argmax(sums), sums.shape)
    return slice(None), slice(int(top), int(top) + h), slice(int(left), int(left) + w)
