"""The score above which a row is an anomaly, and the rule that says so.

The first of these that is given: `--expect`, the share of the data that is above it;
`--false-alarms`, the share of the run's own held-out rows that is; `--labels`, which give the
largest F1. If none is, a hundredth of the held-out rows.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from minae.errors import InputError
from minae.metrics.detection import best_f1

USUAL_FALSE_ALARMS = 0.01


@dataclass(frozen=True)
class Rule:
    """Where a threshold comes from; the share is that of the data, or of held-out rows."""

    name: Literal["expect", "false alarms", "best F1"]
    share: float = 0.0

    def threshold(
        self, scores: np.ndarray, held_out: np.ndarray, anomaly: np.ndarray | None
    ) -> float:
        """Return the threshold for scores (N,) of the data, those of held-out rows, and labels.

        Raises InputError if `share` of the scores cannot be told from the rest.
        """
        if self.name == "best F1":
            assert anomaly is not None
            return best_f1(scores, anomaly)
        if self.name == "false alarms":
            return float(np.quantile(held_out[~np.isnan(held_out)], 1 - self.share))
        ranked = np.sort(scores[~np.isnan(scores)])[::-1]
        count = round(self.share * len(ranked))
        if not 0 < count < len(ranked):
            raise InputError(
                f"--expect {self.share:g} is {count:,} of {len(ranked):,} rows: give more rows, or"
                " a share between none and all of them"
            )
        if ranked[0] == ranked[count]:
            raise InputError(
                f"the {count + 1:,} largest of {len(ranked):,} scores are equal ({ranked[0]:.4g}):"
                f" --expect {self.share:g} cannot choose among them; leave it out"
            )
        return float(ranked[count])

    def __str__(self) -> str:
        match self.name:
            case "expect":
                return f"--expect: {self.share:.4g} of the data lie above it"
            case "false alarms":
                return f"--false-alarms: {self.share:.4g} of the held-out rows lie above it"
            case _:
                return "the largest F1 with these labels, which makes it look a little too good"


def choose_rule(expect: float | None, false_alarms: float | None, labelled: bool) -> Rule:
    """Return the rule that applies. Raises InputError for shares that are none, or both."""
    for name, share in (("--expect", expect), ("--false-alarms", false_alarms)):
        if share is not None and not 0 <= share <= 1:
            raise InputError(f"{name} is a share from 0 to 1, not {share}")
    if expect is not None and false_alarms is not None:
        raise InputError("--expect and --false-alarms are two rules for a threshold: give one")
    if expect is not None:
        return Rule("expect", expect)
    if labelled and false_alarms is None:
        return Rule("best F1")
    return Rule("false alarms", USUAL_FALSE_ALARMS if false_alarms is None else false_alarms)
