"""A language model and running texts: beside what counting reaches."""

from minae.report import print_rows
from minae.train.runs import Run


def beside_counting(run: Run) -> dict[str, float]:
    """Print how a run that was just trained compares with n-grams; return their loss by name."""
    found = run.metrics["counting"]
    if not found:
        return {}
    name = f"{found['n']}-grams"
    parts = [part for part in ("validation", "test") if f"{part}_loss" in found]
    theirs = ", ".join(f"{found[f'{part}_loss']:.3f} in {part}" for part in parts)
    said = f"{name} with Witten-Bell smoothing reach {theirs}, nats per {run.kind.row}"
    last = f"{parts[-1]}_loss"
    gain = found[last] - run.metrics[last]
    pairs = "--tokens bpe, " if run.kind.row == "character" else ""
    better = f"the model is better by {gain:.3f}"
    worse = (
        f"that is better than the model by {-gain:.3f}: give it {pairs}more --steps, a larger"
        " --width and --context, or more text"
    )
    print_rows([("counting", said), ("", better if gain > 0 else worse)])
    return {name: found["validation_loss"]}
