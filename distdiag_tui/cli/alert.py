"""`distdiag alert`: tell a webhook of incidents."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from distdiag_tui.cli.options import AskPassword, Interval, TargetName, chosen_target
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.text import plain

if TYPE_CHECKING:
    from distdiag_tui.alerting.notice import Format
    from distdiag_tui.alerting.webhook import Webhook
    from distdiag_tui.model.target import Target

VARIABLE: Final = "DISTDIAG_WEBHOOK_TOKEN"
_LABEL: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


def alert(
    target: TargetName = None,
    *,
    webhook: Annotated[
        str, typer.Option("--webhook", envvar="DISTDIAG_WEBHOOK", help="URL of the receiver.")
    ],
    form: Annotated[
        str, typer.Option("--format", metavar="alertmanager|json", help="As the receiver wants it.")
    ] = "alertmanager",
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help=f"Mode 600, with a bearer token; else {VARIABLE}."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="One more on every alert.")
    ] = None,
    interval: Interval = 1.0,
    ask_password: AskPassword = False,
) -> int:
    """Tell a webhook of every incident, once, and when it is over; what is not taken is tried again."""
    from distdiag_tui.alerting.notice import FORMATS  # noqa: PLC0415  with NumPy and SQLite
    from distdiag_tui.alerting.webhook import Webhook  # noqa: PLC0415
    from distdiag_tui.config.token import read_secret  # noqa: PLC0415

    if form not in FORMATS:
        raise ConfigError(f"--format takes {' or '.join(FORMATS)}, not {form!r}")
    receiver = Webhook.of(webhook, read_secret(token_file, VARIABLE))
    chosen = chosen_target(target, ask_password=ask_password)
    return asyncio.run(_run(chosen, interval, receiver, FORMATS[form], _labels(label or [])))


async def _run(
    target: Target, interval: float, webhook: Webhook, form: Format, labels: dict[str, str]
) -> int:
    from distdiag_tui.alerting.follow import follow  # noqa: PLC0415  as above
    from distdiag_tui.alerting.pager import Pager  # noqa: PLC0415
    from distdiag_tui.alerting.told import Told  # noqa: PLC0415
    from distdiag_tui.engine.live import live_engine  # noqa: PLC0415
    from distdiag_tui.hosts.opening import open_source  # noqa: PLC0415
    from distdiag_tui.incidents.store import open_store  # noqa: PLC0415
    from distdiag_tui.learning.use import diagnoser_in_use  # noqa: PLC0415
    from distdiag_tui.service.incident_desk import IncidentDesk  # noqa: PLC0415
    from distdiag_tui.service.looking_back import LookingBack  # noqa: PLC0415

    engine = live_engine(open_source(target, interval), target)
    engine.diagnoser, trouble = diagnoser_in_use()
    if trouble:
        _tell(trouble)
    told = Told(target.cluster, f"{webhook.host}:{webhook.port}{webhook.path}")
    pager = Pager(webhook, form, told, _tell, labels)
    desk = IncidentDesk(target.cluster, target, open_store())
    past = LookingBack(target.prometheus, engine)
    following = asyncio.create_task(follow(engine, past, desk, pager))
    caught: list[signal.Signals] = []

    def leave(number: signal.Signals) -> None:
        caught.append(number)
        following.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, leave, number)
    await asyncio.wait({following})
    if not following.cancelled():
        following.result()
    return 130 if signal.SIGINT in caught else 0


def _labels(given: list[str]) -> dict[str, str]:
    found = {}
    for each in given:
        match = _LABEL.fullmatch(each)
        if match is None:
            raise ConfigError(f"--label takes name=value, not {each!r}")
        found[match[1]] = match[2]
    return found


def _tell(words: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S')} {plain(words, 300)}", err=True)
