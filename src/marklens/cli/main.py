"""The entry point: global flags, one-line errors, exit statuses."""

import inspect
import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from marklens import __version__
from marklens.cli import (
    dataset,
    demo,
    evaluate,
    export,
    index,
    keys,
    repeat,
    search,
    search_text,
    serve,
    train,
    vienna,
    watch,
)
from marklens.cli.logs import configure_logs
from marklens.core.errors import MarklensError

INTERRUPTED = 130
"""What typer makes of a KeyboardInterrupt."""
GLOBAL_FLAGS = ("--verbose", "--log-json")

app = typer.Typer(
    name="marklens",
    help="Find registered trademarks that look, and sound, like a given logo.",
    epilog="Start with 'marklens demo', or with your own: marklens index build PICTURES --index my-index",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(dataset.app, name="dataset")
app.add_typer(index.app, name="index")
app.command("search")(search.search)
app.command("search-text")(search_text.search_text)
app.command("repeat")(repeat.repeat)
app.command("evaluate")(evaluate.evaluate)
app.command("watch")(watch.watch)
app.command("train")(train.train)
app.command("export")(export.export)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.add_typer(keys.app, name="keys")
app.add_typer(vienna.app, name="vienna")


def _let_help_flow(of: typer.Typer) -> None:
    """Join the lines of each paragraph of a command's docstring: a terminal breaks them where it ends."""
    for command in of.registered_commands:
        paragraphs = (inspect.getdoc(command.callback) or "").split("\n\n") if command.callback else []
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for group in of.registered_groups:
        if group.typer_instance:
            _let_help_flow(group.typer_instance)


_let_help_flow(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"marklens {__version__}")
        raise typer.Exit


@app.callback()
def start(
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more, and show traces of errors.")] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON lines to stderr.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find registered trademarks that look, and sound, like a given logo."""
    configure_logs(verbose, log_json)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; whatever goes wrong becomes one line on stderr.

    Returns:
        0 done, 1 the work failed, 2 the call was wrong.
    """
    arguments = _global_flags_first(arguments)
    try:
        result = app(list(arguments), standalone_mode=False)
        if result == INTERRUPTED:
            return _fail("stopped", 1)
        return result if isinstance(result, int) else 0
    except typer.TyperException as error:
        context, message = getattr(error, "ctx", None), error.format_message()
        where = f" (see '{context.command_path} --help')" if context else ""
        return (
            _fail(message + where, error.exit_code) if message else error.exit_code
        )  # no message: help was shown
    except MarklensError as error:
        _trace(arguments)
        return _fail(str(error), error.exit_status)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("stopped", 1)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone
        return 1
    except OSError as error:
        _trace(arguments)
        return _fail(str(error), 1)
    except Exception as error:
        _trace(arguments)
        return _fail(f"unexpected {type(error).__name__}: {error} (--verbose shows where)", 1)


def main() -> None:
    """The command `marklens`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack the characters of tables and names
    sys.exit(run(sys.argv[1:]))


def _global_flags_first(arguments: Sequence[str]) -> list[str]:
    """Let the global flags stand anywhere in the call."""
    flags = [argument for argument in arguments if argument in GLOBAL_FLAGS]
    return flags + [argument for argument in arguments if argument not in GLOBAL_FLAGS]


def _trace(arguments: Sequence[str]) -> None:
    if "--verbose" in arguments:
        import traceback

        traceback.print_exc()


def _fail(message: str, status: int) -> int:
    typer.echo("marklens: " + " ".join(message.split()), err=True)
    return status
