"""Options that are written once: what the command, `fit` and the models make of them."""

import inspect
from dataclasses import fields

import numpy as np
import pytest

from minae import nn, ops
from minae.errors import InputError
from minae.metadata import VERSION
from minae.models import MODELS
from minae.train import Fitting, fit
from minae.train.build import FROM_DATA
from minae.train.settings import ModelOptions, Settings


class Scale(nn.Module):
    def __init__(self):
        self.scale = nn.Parameter(np.ones((), np.float32))

    def loss(self, x):
        return ops.mse_loss(x * self.scale, x)


def test_every_field_with_a_help_is_an_option(minae):
    status, out, _ = minae("train", "--help")
    assert status == 0
    for each in (*fields(Settings), *fields(ModelOptions)):
        if each.name not in ("model", "model_options"):
            assert f"--{each.name.replace('_', '-')} " in out
            assert each.metadata["help"].split()[0] in out


def test_the_models_options_are_their_constructors():
    taken = {name for cls in MODELS.values() for name in inspect.signature(cls).parameters}
    assert {each.name for each in fields(ModelOptions)} == taken - FROM_DATA


# in the files of the first version; later fields say since when, so that it can be read
FIRST = """epochs batch_size clip patience seed model data model_options validation corrupt
optimizer lr weight_decay schedule"""


def test_a_new_field_says_since_when():
    since = {each.name: each.metadata.get("since", 0) for each in fields(Settings)}
    silent = {name for name in since.keys() - set(FIRST.split()) if not since[name]}
    assert not silent, f"{silent}: give `since` the next version, and raise VERSION in metadata.py"
    assert max(since.values()) <= VERSION


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"epochs": 0}, "epochs is a whole number from 1, not 0"),
        ({"clip": -1.0}, "clip is a number from 0, not -1.0"),
        ({"lr": float("nan")}, "lr is a number from 0, not nan"),
        ({"weight_decay": float("inf")}, "weight_decay is a number from 0, not inf"),
        ({"optimizer": "lion"}, "optimizer 'lion' is unknown: choose one of adam, adamw, sgd"),
        ({"model": "unet"}, "model 'unet' is unknown: choose one of dense, conv"),
    ],
)
def test_what_cannot_be_is_refused(option, sentence):
    with pytest.raises(InputError, match=sentence):
        Settings(**{"model": "dense"} | option)


def test_fit_takes_an_object_or_options_or_both():
    x, how = np.ones((8, 2), np.float32), {"show_progress": False}
    settings = Fitting(epochs=2, batch_size=4)
    assert len(fit(Scale(), x, None, settings, **how)) == 2
    assert len(fit(Scale(), x, epochs=3, **how)) == 3
    assert len(fit(Scale(), x, None, settings, epochs=4, **how)) == 4
    with pytest.raises(TypeError, match="unexpected keyword argument 'lr'"):
        fit(Scale(), x, lr=0.1)
    with pytest.raises(InputError, match="batch_size is a whole number from 1, not 0"):
        fit(Scale(), x, batch_size=0)
