"""A model beside the classical methods: the same pictures, honest settings, plain words."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_sample_image

from minae.data import parse_corruption
from minae.metrics import psnr, ssim
from minae.tools import classical, restoration
from minae.tools.restoration import compare, limited, make_cases, verdict

PHOTO = load_sample_image("flower.jpg").mean(axis=2, dtype=np.float32)[None] / 255
UNSEEN = [PHOTO[:, 100:132, 200:240], PHOTO[:, 200:248, 300:330], PHOTO[:, 150:190, 100:140]]
CHOOSING = [PHOTO[:, 50:90, 300:350], PHOTO[:, 300:330, 200:240]]


@pytest.fixture(autouse=True)
def _no_extra_packages(monkeypatch):
    monkeypatch.setattr(classical, "find_spec", lambda name: None)


def smooth(image):
    return gaussian_filter(image, 0.8, axes=(1, 2))


@pytest.fixture
def found():
    return compare("smoother", smooth, parse_corruption("noise:0.02-0.2"), UNSEEN, CHOOSING)


def test_all_are_measured_on_the_same_pictures(found):
    assert next(iter(found.psnr)) == "corrupted"
    assert list(found.psnr)[-1] == "smoother"
    assert set(found.psnr) == {"corrupted", "smoother", *found.chosen}
    for index, (case, clean) in enumerate(zip(found.cases, UNSEEN, strict=True)):
        np.testing.assert_array_equal(case.clean, clean)
        wanted = {"corrupted": case.corrupted, "smoother": np.clip(smooth(case.corrupted), 0, 1)}
        wanted |= {n: restoration.apply(case, n, chosen) for n, chosen in found.chosen.items()}
        for name, image in wanted.items():
            decibels = psnr(image[None], clean[None])
            assert found.psnr[name][index] == pytest.approx(decibels, abs=1e-4), name
            assert found.ssim[name][index] == pytest.approx(ssim(image, clean), abs=1e-4), name
    means = {name: found.psnr[name].mean() for name in found.chosen}
    assert means[found.best] == max(means.values())


def test_settings_are_the_best_on_other_pictures(found):
    cases = make_cases(found.corruption, CHOOSING, seed=1)
    for name, chosen in found.chosen.items():
        scores = {}
        for setting in cases[0].rivals[name].settings:
            outputs = [case.rivals[name].method(case.corrupted, setting) for case in cases]
            flat = np.concatenate([x.ravel() for x in outputs])
            a, b = np.polyfit(flat, np.concatenate([case.clean.ravel() for case in cases]), 1)
            pairs = zip(outputs, cases, strict=True)
            each = [psnr(np.clip(a * x + b, 0, 1)[None], case.clean[None]) for x, case in pairs]
            scores[setting] = np.mean(each)
        assert scores[chosen.setting] == pytest.approx(max(scores.values()), abs=1e-4), name


def test_pictures_are_always_corrupted_the_same_way_each_with_its_own_level():
    corruption = parse_corruption("noise:0.02-0.5")
    one, other = (make_cases(corruption, UNSEEN, seed=0) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.corrupted, b.corrupted)
    errors = [np.abs(case.corrupted - case.clean).mean() for case in one]
    assert max(errors) > 1.5 * min(errors)
    assert (make_cases(corruption, UNSEEN, seed=1)[0].corrupted != one[0].corrupted).any()


@pytest.mark.parametrize("text", ["mask:9", "holes:0.2", "noise:0.1+mask:9", "mask:9+noise:0-0.1"])
def test_methods_are_told_which_pixels_are_missing(text):
    (case,) = make_cases(parse_corruption(text), [PHOTO[:, :40, :40] * 0.5 + 0.25], seed=0)
    hidden = case.rivals["mean of what is near"].method.keywords["hidden"]
    assert hidden.sum() == 81 if "mask" in text else 200 < hidden.sum() < 440
    assert (case.corrupted[0][hidden] < 0.25).all()
    assert np.median(case.corrupted[0][~hidden]) > 0.25


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ([0.5, 1.5], "is better than the best rival, B, on all 2 unseen pictures; on average 1.00"),
        (
            [-0.3, 1.5],
            "on 1 of 2 unseen pictures, and worse by up to 0.30 dB on 1; on average 0.60",
        ),
        ([-0.5, -1.5], "on 0 of 2 unseen pictures, and worse by up to 1.50 dB on 2; on average"),
        ([-0.5, -1.5], "1.00 dB WORSE"),
        ([-8, -9], "it makes the pictures WORSE, from 24.00 to 21.50 dB"),
    ],
)
def test_verdict(found, gains, words):
    scores = {"corrupted": [24, 24], "A": [20, 20], "B": [30, 30], "smoother": 30 + np.array(gains)}
    scores = {name: np.asarray(each, float) for name, each in scores.items()}
    changed = {"chosen": {"A": None, "B": None}, "corruption": parse_corruption("noise:0.1")}
    sentence = verdict(dataclasses.replace(found, psnr=scores, **changed))
    assert words in sentence
    assert ("WORSE" in sentence) == (np.mean(gains) < 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("noise:0.1-0.2", "(which is told the level)"),
        ("holes:0.1", "(which is told which pixels are missing)"),
        ("holes:0.1-0.2+noise:0.1", "(which is told the level and which pixels are missing)"),
        ("noise:0.1", "on"),
    ],
)
def test_verdict_says_what_rivals_are_told(found, text, told):
    changed = dataclasses.replace(found, corruption=parse_corruption(text))
    assert f"the best rival, {found.best} {told}".replace(" on", ", on") in verdict(changed)


def test_work_is_bounded():
    many = [PHOTO[:, :300, :400]] * 20
    found = limited(many, 10, 200, 10**9)
    assert [x.shape for x in found] == [(1, 200, 200)] * 10
    np.testing.assert_array_equal(found[0], PHOTO[:, 50:250, 100:300])
    assert len(limited(many, 10, 200, 100_000)) == 2
    assert len(limited(many, 10, 200, 1)) == 1


def test_the_detail_is_where_two_images_differ_most():
    one, other = (np.zeros((1, 100, 200), np.float32) for _ in range(2))
    other[:, 30:40, 150:160] = 1
    _, rows, columns = restoration.detail(one, other)
    assert rows.start <= 30 < 40 <= rows.stop
    assert columns.start <= 150 < 160 <= columns.stop
    small = np.zeros((1, 8, 9))
    assert restoration.detail(small, small) == (slice(None), slice(0, 8), slice(0, 9))


def test_the_figure_shows_the_scores_and_the_least_gain(found, capsys):
    figure = restoration.draw_comparison(found)
    scores, gains, *tiles = figure.axes
    assert [t.get_text() for t in scores.get_yticklabels()] == list(found.psnr)
    dots = scores.collections[0].get_offsets()[:, 0]
    np.testing.assert_allclose(dots, [x.mean() for x in found.psnr.values()])
    heights = [bar.get_height() for bar in gains.patches]
    np.testing.assert_allclose(heights, np.sort(found.gains))
    assert len(tiles) == 3 * 4
    assert f"least gain: {found.gains.min():+.2f} dB".replace("-", "−") in [
        text.get_text() for text in tiles[0].texts
    ]
    restoration.print_comparison(found)
    assert verdict(found) in capsys.readouterr().out
