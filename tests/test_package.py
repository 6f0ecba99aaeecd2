"""What pip installs: light to import, and whole."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    "numba", "matplotlib", "scipy", "sklearn", "mlxtend", "pandas", "rich", "typer", "pooch", "PIL"
)  # fmt: skip


def run(*command, cwd):
    finished = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_import_is_light_and_silent(tmp_path):
    code = f"import minae, sys; print([name for name in {HEAVY} if name in sys.modules])"
    assert run(sys.executable, "-c", code, cwd=tmp_path) == "[]\n"


@pytest.mark.timeout(600)
def test_the_wheel_works_in_a_fresh_environment(tmp_path):
    """Build the sdist and from it the wheel, install that with its dependencies, and train."""
    source = tmp_path / "source"
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in files.split():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, cwd=source)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    folder = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = "-m", "pip", "install", "--quiet", "--no-compile"
    run(folder / "python", *install, wheel, cwd=elsewhere)
    assert "numpy" in run(folder / "minae", "doctor", cwd=elsewhere)
    run(folder / "minae", "train", "vae", "--epochs", "1", cwd=elsewhere)
    assert (elsewhere / "runs" / "vae-mnist5k" / "metrics.json").is_file()
