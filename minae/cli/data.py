"""The commands `minae data ...`."""

from typing import Annotated

import typer

app = typer.Typer(help="The datasets: what there is, and fetching it.", no_args_is_help=True)


@app.command("list")
def list_data() -> None:
    """List the datasets, and which are on this disk.

    Example: `minae data list`
    """
    from minae.data import list_sources
    from minae.report import print_table

    rows = []
    for source in list_sources():
        embedded = source.location and source.origin.startswith("embedded")
        where = "here" if embedded else source.location or "not here yet"
        rows.append((source.name, source.contents, source.origin, where))
    print_table(("name", "what", "from", "where"), rows)


@app.command("fetch")
def fetch_data(name: Annotated[str, typer.Argument(help="One of `minae data list`.")]) -> None:
    """Download a dataset, unless it is here, and check its checksums.

    Example: `minae data fetch fashion_mnist`
    """
    from minae.data import fetch

    for path in fetch(name).values():
        print(path)
