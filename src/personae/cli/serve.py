"""Verb of the HTTP server: serve."""

from __future__ import annotations

from typing import Annotated

import typer

from personae.cli.context import Context, note


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command()(serve)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's own ask for a key.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port; 0: a free one.", min=0, max=65535)] = 8000,
    workers_of_jobs: Annotated[
        int,
        typer.Option(
            help="Jobs of a project that may run at once in the server; 0: `personae worker` runs them.", min=0
        ),
    ] = 1,
) -> None:
    """Serve the HTTP API until Ctrl-C or SIGTERM."""
    from personae.web import serve as server

    obj: Context = context.obj
    settings = obj.settings()
    listening = server.listen(host, port)
    with listening:
        site = server.open_site(settings, host, workers_of_jobs, note)
        server.serve(site, listening, note)
    note("stopped")
