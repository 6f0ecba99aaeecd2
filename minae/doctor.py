"""What minae runs on: versions, BLAS, threads, GPU."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys

import numpy as np

import minae


def findings() -> list[tuple[str, str]]:
    """Return what was found, as pairs of a name and a sentence."""
    packages = ("numpy", "numba", "scipy", "scikit-learn", "matplotlib", "safetensors")
    return [
        ("minae", f"{minae.__version__}, in {os.path.dirname(minae.__file__)}"),
        ("python", f"{platform.python_version()}, {sys.executable}"),
        ("machine", f"{platform.platform()}, {os.cpu_count()} processors"),
        *((name, importlib.metadata.version(name)) for name in packages),
        ("BLAS", _blas()),
        ("kernels", _kernels()),
        ("GPU", _gpu()),
        (
            "MINAE_DATA",
            os.environ.get("MINAE_DATA", "not set: data is downloaded when needed"),
        ),
    ]


def _blas() -> str:
    from threadpoolctl import threadpool_info

    np.dot(np.ones(1), np.ones(1))  # loads it
    pools = [
        f"{pool['internal_api']} {pool['version'] or ''} for {pool.get('architecture', '?')},"
        f" {pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
    return "; ".join(dict.fromkeys(pools)) or "none that threadpoolctl knows"


def _kernels() -> str:
    from minae.kernels.cpu.compiled import cache_folder
    from minae.kernels.cpu.threads import layer, num_threads

    return f"{num_threads()} threads of {layer()}; compiled code is kept in {cache_folder()}"


def _gpu() -> str:
    """Say which GPU there is, or what is missing: everything runs on the CPU then."""
    if importlib.util.find_spec("cupy") is None:
        if shutil.which("nvidia-smi") is None:
            return "none: no NVIDIA driver found (no nvidia-smi); computing on the CPU"
        return "an NVIDIA driver, but no CuPy: pip install 'minae[cu12]' or 'minae[cu13]'"
    import cupy

    try:
        properties = cupy.cuda.runtime.getDeviceProperties(0)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"CuPy {cupy.__version__} is here, but finds no device: {error}"
    return f"{properties['name'].decode()}, CuPy {cupy.__version__}"
