"""What is wrong with a gradient, guessed from the pattern of its errors."""

import itertools

import numpy as np


def diagnose(analytic: np.ndarray, numeric: np.ndarray, wrong: np.ndarray) -> str:
    """Return a guess, in words, why two gradients of one shape differ where `wrong` is True."""
    return (
        _not_finite(analytic)
        or _dropped(analytic, numeric, wrong)
        or _factor(analytic, numeric)
        or _misplaced(analytic, numeric)
        or _offset(analytic, numeric)
        or _partly(analytic, wrong)
    )


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-8 + 1e-6 * np.abs(b).max())


def _not_finite(analytic: np.ndarray) -> str | None:
    if bad := (~np.isfinite(analytic)).sum():
        return f"{bad} entries are nan or infinite: division by 0, log of 0, or overflow"
    return None


def _dropped(analytic: np.ndarray, numeric: np.ndarray, wrong: np.ndarray) -> str | None:
    zero = wrong & (analytic == 0) & (numeric != 0)
    if zero.any() and not analytic.any():
        return "zero where numeric is not: this path's gradient is dropped"
    if zero.any() and (zero == wrong).all():
        return (
            f"zero where numeric is not, at {zero.sum()} entries: the gradient of a part is"
            " dropped, or a later use overwrites an earlier one where both should add up"
        )
    return None


def _factor(analytic: np.ndarray, numeric: np.ndarray) -> str | None:
    large = np.abs(numeric) > 1e-3 * np.abs(numeric).max()
    ratios = analytic[large] / numeric[large]
    ratio = np.median(ratios) if ratios.size else np.nan
    if not (np.isfinite(ratio) and np.allclose(ratios, ratio, rtol=1e-4) and ratio):
        if ratios.size and np.allclose(np.abs(ratios), 1, rtol=1e-4):
            return "right size, wrong sign at some entries: a sign depends on the input"
        return None
    if np.isclose(ratio, 1, rtol=1e-3):
        return "nearly right: a small term is missing, or f is too rough for finite differences"
    guesses: list[tuple[float, str]] = [(-1, "-1 everywhere: the sign is wrong")]
    for n, part in ((2, "½"), (3, "1/3"), (4, "1/4")):
        guesses.append((n, f"{n}.0 everywhere: a factor {part} is missing"))
        guesses.append((1 / n, f"1/{n} everywhere: a factor {n} is missing"))
    sizes = {analytic.size: "the number of entries"}
    sizes |= {n: f"the length of dimension {d}" for d, n in enumerate(analytic.shape)}
    for n, what in sizes.items():
        guesses.append((n, f"{n} everywhere, {what}: a sum where a mean belongs?"))
        guesses.append((1 / n, f"1/{n} everywhere, {n} being {what}: a mean where a sum belongs?"))
    guesses.append((ratio, f"{ratio:.6g} everywhere: a constant factor is wrong"))
    return "ratio " + next(words for known, words in guesses if np.isclose(ratio, known))


def _misplaced(analytic: np.ndarray, numeric: np.ndarray) -> str | None:
    _, *orders = itertools.permutations(range(analytic.ndim))
    for dims in orders:
        if _close(analytic.transpose(dims), numeric):
            return "right values with rows and columns swapped: transposed?"
    for dim in range(analytic.ndim):
        if _close(np.flip(analytic, dim), numeric):
            return f"right values in reverse order along dimension {dim}"
        n = analytic.shape[dim]
        for shift in range(1, n):
            if _close(analytic, np.roll(numeric, shift, dim)):
                shift = shift if 2 * shift <= n else shift - n
                hint = ": off by one?" if abs(shift) == 1 else ""
                return f"right values, shifted by {shift} along dimension {dim}{hint}"
    if _close(np.sort(analytic, axis=None), np.sort(numeric, axis=None)):
        return "right values in the wrong places"
    return None


def _offset(analytic: np.ndarray, numeric: np.ndarray) -> str | None:
    difference = analytic - numeric
    if analytic.size > 1 and np.allclose(difference, difference.mean(), rtol=1e-4, atol=1e-8):
        return f"every entry is off by the same {difference.mean():.6g}: a term too many or too few"
    return None


def _partly(analytic: np.ndarray, wrong: np.ndarray) -> str:
    for dim in range(analytic.ndim):
        others = tuple(d for d in range(analytic.ndim) if d != dim)
        hit = np.flatnonzero(wrong.any(axis=others))
        if len(hit) < analytic.shape[dim]:
            return f"wrong only at {', '.join(map(str, hit))} along dimension {dim}: a border case?"
    return "no simple pattern: compare the formula with the derivative, term by term"
