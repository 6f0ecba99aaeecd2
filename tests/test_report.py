"""What commands print, and the name of the processor, by which measurements are kept."""

import platform

import pytest

from minae import report

INTEL = "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Platinum 8481C\ncpu family\t: 6\n"
GENERIC = "processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd\n"


@pytest.mark.parametrize(
    ("description", "name"),
    [
        (INTEL, "Intel(R) Xeon(R) Platinum 8481C"),
        (GENERIC + "\n" + GENERIC, "AMD EPYC (family 26, model 2)"),
        (ARM, "what the platform says"),
        (None, "what the platform says"),
    ],
)
def test_processor(monkeypatch, tmp_path, description, name):
    path = tmp_path / "cpuinfo"
    if description is not None:
        path.write_text(description)
    monkeypatch.setattr(report, "CPUINFO", path)
    monkeypatch.setattr(platform, "processor", lambda: "what the platform says")
    assert report.processor() == name


def test_figures_without_a_test_part(capsys):
    report.print_figures({"train_loss": 1.5, "validation_loss": 2.0, "seconds": 3.0}, "character")
    out = capsys.readouterr().out
    assert "validation" in out
    assert "test" not in out
    assert "mean per character" in out
    assert "seconds" not in out
