"""The commands `minae data ...`."""

from typing import Annotated

import typer

app = typer.Typer(help="The datasets: what there is, and fetching it.", no_args_is_help=True)


def _where(source) -> str:
    if source.location is None:
        return "not here yet"
    return "here" if source.origin.startswith("embedded") else str(source.location)


@app.command("list")
def list_data() -> None:
    """List the datasets, and which are on this disk.

    Example: `minae data list`
    """
    from minae.data import list_sources
    from minae.report import print_table

    rows = [
        (source.name, source.contents, source.origin, _where(source)) for source in list_sources()
    ]
    print_table(("name", "what", "from", "where"), rows)


@app.command("fetch")
def fetch_data(name: Annotated[str, typer.Argument(help="One of `minae data list`.")]) -> None:
    """Download a dataset, unless it is here, and check its checksums.

    Example: `minae data fetch fashion_mnist`
    """
    from minae.data import fetch

    for path in fetch(name).values():
        print(path)
