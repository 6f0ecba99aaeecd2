"""What minae runs on: versions, BLAS, threads, GPU."""

import importlib.metadata
import json
import os
import platform
import shutil
import sys
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

import minae
from minae.kernels.cpu.compile.compiled import where_kept
from minae.kernels.cpu.compile.threads import layer, num_threads
from minae.kernels.cuda.launch import build, device
from minae.report import machine, print_rows


def print_findings() -> None:
    """Print what was found, one line per item."""
    packages = ("numpy", "numba", "scipy", "scikit-learn", "matplotlib", "safetensors")
    rows = [
        ("minae", f"{minae.__version__}, in {os.path.dirname(minae.__file__)}"),
        ("python", f"{platform.python_version()}, {sys.executable}"),
        ("processor", f"{machine()}; its speed is {_where_measured()}"),
        ("machine", f"{platform.platform()}, {os.cpu_count()} processors"),
        *((name, importlib.metadata.version(name)) for name in packages),
        ("BLAS", _blas()),
        ("kernels", f"{num_threads()} threads of {layer()}; {where_kept()}"),
        ("GPU", _gpu()),
        ("MINAE_DATA", os.environ.get("MINAE_DATA", "not set: data is downloaded when needed")),
    ]
    print_rows(rows)


def _where_measured() -> str:
    """Say whether the record of speed has this machine. Only a checkout has that file."""
    path = Path(minae.__file__).parents[1] / "results" / "bench.json"
    if path.exists() and machine() in json.loads(path.read_text(encoding="utf-8")):
        return f"in {path}"
    return "not measured yet: `minae bench` does it"


def _blas() -> str:
    np.dot(np.ones(1), np.ones(1))  # loads it
    pools = [
        f"{pool['internal_api']} {pool['version'] or ''} for {pool.get('architecture', '?')},"
        f" {pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
    return "; ".join(dict.fromkeys(pools)) or "none that threadpoolctl knows"


def _gpu() -> str:
    """Say which GPU there is, or what is missing: everything runs on the CPU then."""
    if problem := device.problem():
        driver = "an NVIDIA driver" if shutil.which("nvidia-smi") else "no NVIDIA driver"
        return f"not used; {problem} ({driver} was found)"
    import cupy  # pyright: ignore[reportMissingImports]  # only where there is a GPU

    runtime = cupy.cuda.runtime
    driver = divmod(runtime.driverGetVersion() // 10, 100)  # 13010 is 13.1
    free, memory = (n / 2**30 for n in runtime.memGetInfo())
    return (
        "{}, compute capability {}.{}".format(device.description(), *device.capability())
        + ", {:.1f} of {:.1f} GiB free, driver for CUDA {}.{}".format(free, memory, *driver)
        + f", CuPy {cupy.__version__}, numba-cuda {importlib.metadata.version('numba-cuda')}"
        + f"; compiled kernels are kept in {build.cache_folder()}"
    )
