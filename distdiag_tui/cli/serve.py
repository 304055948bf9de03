"""`distdiag serve`: the console's services over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from distdiag_tui.cli.options import AskPassword, Interval, TargetName, chosen_target
from distdiag_tui.model.errors import ConfigError

INSTALL = "pip install 'distdiag-tui[serve]'"


def serve(
    target: TargetName = None,
    *,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; any but loopback needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0: any that is free.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="A file of mode 600 with the token; else DISTDIAG_TOKEN."),
    ] = None,
    interval: Interval = 1.0,
    ask_password: AskPassword = False,
) -> int:
    """Answer HTTP requests: metrics, findings, workloads, anomalies, training. See /docs there."""
    _require("fastapi", "uvicorn")
    from distdiag_tui.api.access import read_token  # noqa: PLC0415  half a second, and an extra
    from distdiag_tui.api.server import Listening, serve  # noqa: PLC0415

    listening = Listening(host, port, read_token(token_file))
    chosen = chosen_target(target, ask_password=ask_password)
    return asyncio.run(serve(chosen, interval, listening, _tell))


def _require(*packages: str) -> None:
    from importlib.util import find_spec  # noqa: PLC0415

    if missing := [name for name in packages if find_spec(name) is None]:
        raise ConfigError(f"{' and '.join(missing)} is not installed; to serve: {INSTALL}")


def _tell(words: str) -> None:
    typer.echo(f"distdiag: {words}", err=True)
