"""`distdiag serve`: the console's services over HTTP."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distdiag_tui.cli.options import AskPassword, Interval, TargetName, chosen_target
from distdiag_tui.model.errors import ConfigError

if TYPE_CHECKING:
    from distdiag_tui.api.app import Exposition
    from distdiag_tui.api.listening import Listening


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
    web: Annotated[bool, typer.Option("--web", help="The console itself, in a browser.")] = False,
    ask_password: AskPassword = False,
) -> int:
    """Answer HTTP requests: metrics, findings, workloads, anomalies, training. See /docs there."""
    from distdiag_tui.api.access import read_token  # noqa: PLC0415
    from distdiag_tui.api.listening import Listening  # noqa: PLC0415

    listening = Listening(host, port, read_token(token_file))
    if web:
        return _show_console(target, interval, listening, ask_password=ask_password)
    _require("serve", "fastapi", "uvicorn")
    from distdiag_tui.api.server import serve  # noqa: PLC0415  half a second, and an extra

    chosen = chosen_target(target, ask_password=ask_password)
    return asyncio.run(serve(chosen, interval, listening, _tell, _exposition()))


def _exposition() -> Exposition | None:
    """What makes /metrics, if it is installed."""
    from distdiag_tui.prometheus import missing  # noqa: PLC0415

    if missing():
        return None
    from distdiag_tui.prometheus.exposition import exposition  # noqa: PLC0415  an extra

    return exposition


def _show_console(target: str | None, interval: float, listening: Listening, *, ask_password: bool) -> int:
    """Each page is a process of its own, which finds the password where we would."""
    if ask_password:
        raise ConfigError("with --web the password comes from the profile, OB_PASSWORD or a file")
    _require("web", "textual_serve")
    chosen_target(target, ask_password=False)  # what is wrong with it is better told here
    from distdiag_tui.api.access import VARIABLE  # noqa: PLC0415
    from distdiag_tui.api.listening import bind  # noqa: PLC0415
    from distdiag_tui.cli.browser import show  # noqa: PLC0415  an extra

    os.environ.pop(VARIABLE, None)  # textual-serve hands its environment on
    words = [*([target] if target else []), "--interval", f"{interval:g}", "--mouse"]
    return asyncio.run(show(words, bind(listening), listening.token, _tell))


def _require(extra: str, *packages: str) -> None:
    from importlib.util import find_spec  # noqa: PLC0415

    if missing := [name for name in packages if find_spec(name) is None]:
        install = f"pip install 'distdiag-tui[{extra}]'"
        raise ConfigError(f"{' and '.join(missing)} is not installed; to serve: {install}")


def _tell(words: str) -> None:
    typer.echo(f"distdiag: {words}", err=True)
