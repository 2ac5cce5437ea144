"""`marklens keys`: who may use the service."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make and end the keys of the service.", no_args_is_help=True)
KeysOption = Annotated[Path, typer.Option("--keys", help="The file of hashed keys.", show_default=False)]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is.", show_default=False)],
    keys: KeysOption,
    write: Annotated[
        bool,
        typer.Option("--write", help="It may also file marks with the watch and have the index opened anew."),
    ] = False,
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days for which it opens.", show_default="for ever")
    ] = None,
) -> None:
    """Make a key and print it, this once: the file keeps only its hash.

    A running service takes it at once. To change a key, add a new one of the same name, and end the old one
    when nobody uses it any more.

    Example: marklens keys add search-desk --keys keys.json --days 365
    """
    from marklens.api.keys import add_key

    typer.echo(add_key(keys, name, ("read", "write") if write else ("read",), days))


@app.command(name="list")
def list_keys(keys: KeysOption) -> None:
    """Show all keys, without themselves."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from marklens.api.keys import read_keys

    table = Table("id", "name", "scopes", "made", "ends")
    for key in read_keys(keys):
        table.add_row(key.id, escape(key.name), ", ".join(key.scopes), key.made, key.expires or "never")
    Console().print(table)


@app.command()
def end(
    id: Annotated[str, typer.Argument(help="Of the key, as 'list' shows it.", show_default=False)],
    keys: KeysOption,
    hours: Annotated[float, typer.Option(min=0, max=876_000, help="In so many hours; 0 at once.")] = 0,
) -> None:
    """Let a key open no more.

    Example: marklens keys end 1f2e3d4c --keys keys.json
    """
    from marklens.api.keys import revoke_key

    revoke_key(keys, id, hours)
