"""What is said of a language model beside counting."""

from types import SimpleNamespace

import pytest

from minae.tools.corpora import beside_counting


@pytest.mark.parametrize(
    ("theirs", "ours", "said"),
    [
        ((2.0,), (1.75,), "the model is better by 0.250"),
        ((2.0,), (2.25,), "better than the model by 0.250"),
        ((2.0, 2.5), (1.75, 2.625), "better than the model by 0.125"),  # what counts is the test
    ],
)
def test_which_is_better(capsys, theirs, ours, said):
    names = "validation_loss", "test_loss"
    counting = {"n": 3, **dict(zip(names, theirs, strict=False))}
    metrics = {"counting": counting, **dict(zip(names, ours, strict=False))}
    run = SimpleNamespace(metrics=metrics, kind=SimpleNamespace(row="x"))
    assert beside_counting(run) == {"3-grams": 2.0}
    out = capsys.readouterr().out
    assert out.startswith("counting  3-grams with Witten-Bell smoothing reach 2.000 in validation")
    assert ("2.500 in test, nats per x" in out) == (len(theirs) > 1)
    assert said in out


def test_nothing_is_said_without_a_validation_part(capsys):
    assert beside_counting(SimpleNamespace(metrics={"counting": {}})) == {}
    assert capsys.readouterr().out == ""
