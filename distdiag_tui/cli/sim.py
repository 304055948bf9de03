"""`distdiag lab sim`: a stand-in for a cluster, in the foreground."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distdiag_tui.model.errors import LabError

if TYPE_CHECKING:
    from distdiag_tui.sim.script import Step
    from distdiag_tui.sim.shape import Shape
    from distdiag_tui.sim.sim import Sim


def sim(
    *,
    version: Annotated[str, typer.Option("--version", help="4.2.1, 4.2.5, 4.3.3 or 4.3.5.")] = "4.2.5",
    zones: Annotated[int, typer.Option("--zones", help="1 to 9.")] = 3,
    servers: Annotated[int, typer.Option("--servers", help="Of all zones together.")] = 6,
    tenants: Annotated[int, typer.Option("--tenants", help="User tenants: t1, t2, ... besides sys.")] = 2,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed, the same figures.")] = 0,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65000, help="SQL port of every server; 0: any that is free.")
    ] = 0,
    obproxy: Annotated[
        int | None,
        typer.Option("--obproxy", min=0, max=65535, help="Port of an OBProxy-like front too; 0: any."),
    ] = None,
    address: Annotated[
        str,
        typer.Option(
            "--address",
            help="One address for all servers, such as 127.0.0.1 or ::1, each with a port of its own."
            " Without it each has an address of its own, 127.ZONE.x.y.",
        ),
    ] = "",
    script: Annotated[
        Path | None,
        typer.Option(
            "--script", help="A TOML file of what happens to it: [[step]] with at (s), do, server, ..."
        ),
    ] = None,
) -> None:
    """Run a stand-in for a cluster, until Ctrl-C: it speaks MySQL on loopback and answers the console's SQL.

    It is a test double for shape and scale, no database: its rows come from a small model of load, and it
    stores nothing. Look at it with: distdiag connect sim
    """
    try:
        import duckdb  # noqa: F401, PLC0415
        import sqlglot  # noqa: F401, PLC0415
    except ImportError as error:
        raise LabError(
            f"the stand-in needs {error.name}, which is not installed: pip install 'distdiag-tui[sim]'"
        ) from None
    from distdiag_tui.sim.script import read_script  # noqa: PLC0415
    from distdiag_tui.sim.shape import Shape  # noqa: PLC0415

    shape = Shape(version, zones, servers, tenants, alone=address)
    steps = () if script is None else read_script(script)
    asyncio.run(_run(shape, seed, (port, obproxy), steps))


async def _run(shape: Shape, seed: int, ports: tuple[int, int | None], steps: Sequence[Step]) -> None:
    from distdiag_tui.sim.script import play  # noqa: PLC0415
    from distdiag_tui.sim.sim import Sim  # noqa: PLC0415
    from distdiag_tui.sim.state import announce, claimed, sim_home  # noqa: PLC0415

    home, ended = sim_home(), asyncio.Event()
    with claimed(home) as password:
        async with Sim(shape, seed=seed, port=ports[0], obproxy=ports[1], password=password) as stand_in:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, ended.set)
            announce(home, stand_in.target())
            _introduce(stand_in, home)
            script = asyncio.create_task(play(stand_in, steps, _tell))
            await ended.wait()
            script.cancel()
    typer.echo("the stand-in has ended")


def _introduce(stand_in: Sim, home: Path) -> None:
    target = stand_in.target()
    typer.echo(
        f"A stand-in for OceanBase {stand_in.shape.version}, not a database: {len(stand_in.servers)} servers"
        f" in {len(stand_in.zones)} zones, tenants {', '.join(stand_in.tenants)}."
    )
    typer.echo(f"look at it with: distdiag connect sim  (root@sys on {target.endpoints[0].address};")
    typer.echo(f"the password of root and monitor, in every tenant, is in {home / 'password'})")
    if proxy := stand_in.proxy:
        typer.echo(
            f"OBProxy's place is taken at {proxy.address}, for {target.user}#{target.cluster} and others"
        )
    _tell("Ctrl-C ends it.")


def _tell(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()  # into a pipe or a file too
