"""`marklens serve`: searches over HTTP."""

from contextlib import suppress
from pathlib import Path
from socket import socket
from typing import Annotated

import typer

from marklens.cli.options import IndexOption
from marklens.core.errors import MissingExtraError, UsageError

GRACE_SECONDS = 30
"""For requests under way when the service is told to stop."""
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
"""Without keys any page could have its own name point here, and its reader's browser ask and tell."""


def serve(
    index: IndexOption,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    keys: Annotated[
        Path | None,
        typer.Option(help="Let only these keys in, see 'marklens keys add'.", show_default=False),
    ] = None,
    watch: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Keep a watch for POST /watch/filings, and remember in this file.",
            show_default=False,
        ),
    ] = None,
    open_to_all: Annotated[
        bool, typer.Option("--open", help="Listen beyond this machine without keys.")
    ] = False,
) -> None:
    """Serve an index over HTTP: a page to work with and an API to build on.

    The API is described in /openapi.json. An index that is changed meanwhile is opened anew without dropping
    a request. Limits are settings of the section 'serve'.

    Example: marklens serve --index my-index
    """
    from marklens.core.threads import keep_one_blas_thread
    from marklens.settings import load_settings

    if not (keys or open_to_all or _is_local(host)):
        raise UsageError(
            f"{host} can be reached by others: give --keys FILE ('marklens keys add' makes one), or --open"
        )
    try:
        import uvicorn

        from marklens.api.app import add_page, create_app
        from marklens.api.service import make_service
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("marklens"):
            raise
        raise MissingExtraError("the service", "serve") from error
    settings = load_settings()
    keep_one_blas_thread()
    here = () if keys or open_to_all else local_names(host)
    hosts = [name.lower() for name in settings.serve.hosts] or here
    service = make_service(index, settings, keys, hosts, watch)
    service.index.refresh()
    service.decoder.start()
    proxies = settings.serve.proxies
    app = create_app(service)
    add_page(app)
    config = uvicorn.Config(
        app, host=host, port=port, access_log=False, log_level="warning", server_header=False,
        proxy_headers=bool(proxies), forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=GRACE_SECONDS,
    )  # fmt: skip

    class Announced(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:  # only now is the port known, where a free one was to be taken
                _announce(host, self.servers[0].sockets[0].getsockname()[1])

    with suppress(KeyboardInterrupt):
        Announced(config).run()


def local_names(host: str) -> tuple[str, ...]:
    """The names by which a service without keys answers: this machine's, and the address it listens on."""
    return *LOCAL_HOSTS, _in_address(host).lower()


def _announce(host: str, port: int) -> None:
    typer.echo(f"http://{_in_address(host)}:{port} (Ctrl-C stops)", err=True)


def _in_address(host: str) -> str:
    """As an address of the web has it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _is_local(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
