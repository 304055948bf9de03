"""`distdiag alert`: one notice an incident and one at its end, whatever becomes of the receiver."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commandline import distdiag
from conftest import run
from serving import ROOT, soon
from webhooks import Receiver, receiving

from distdiag_tui.alerting import pager as pager_module
from distdiag_tui.alerting.follow import follow
from distdiag_tui.alerting.notice import FORMATS
from distdiag_tui.alerting.pager import Pager
from distdiag_tui.alerting.told import Told
from distdiag_tui.alerting.webhook import DeliveryError, Webhook
from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.engine import Engine
from distdiag_tui.incidents.incident import Incident
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.findings import Finding
from distdiag_tui.model.target import Secret
from distdiag_tui.recording.reader import open_recording
from distdiag_tui.recording.replay import Replay
from distdiag_tui.service.incident_desk import IncidentDesk
from distdiag_tui.service.looking_back import LookingBack

STORM = Path(__file__).parents[1] / "data/lab/runs/round3/connection_storm-n3-medium-tpcc-r1"
FINDING = Finding("n1", "zone1", "lock_contention", 1, 0.9, True, 100.0, 2.0)
INCIDENT = Incident("inc-1", "shop", "n1", "zone1", "lock_contention", "open", 100.0, 101.0, FINDING)
OVER = replace(INCIDENT, state="resolved", ended=120.0)


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pager_module, "FIRST_PAUSE", 0.02)


def pager_to(
    receiver: Receiver, form: str = "json", told: list[str] | None = None, seconds: float = 10.0
) -> Pager:
    webhook = replace(Webhook.of(receiver.url, Secret("bearer-token")), seconds=seconds)
    said = told if told is not None else []
    return Pager(webhook, FORMATS[form], Told("shop", receiver.url), said.append, {"team": "db"})


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not seen():  # noqa: ASYNC110  seen by a thread
            await asyncio.sleep(0.01)


def statuses(receiver: Receiver) -> list[str]:
    return [each["status"] for each in receiver.got]


def test_a_recorded_fault_is_told_once_and_once_more_when_it_is_over() -> None:
    async def replayed(receiver: Receiver) -> None:
        frames = open_recording(STORM).frames()
        engine = Engine(Replay(frames), "lab")
        engine.diagnoser = Diagnoser()
        past = LookingBack(None, engine)
        await follow(engine, past, IncidentDesk("lab", None, None), pager_to(receiver))

    with receiving() as receiver:
        run(replayed(receiver))
    storms = [each for each in receiver.got if each["labels"]["cause"] == "connection_storm"]
    assert {each["schema"] for each in receiver.got} == {"distdiag.alert/1"}
    assert len({each["labels"]["incident"] for each in storms}) == len(storms) == 1
    assert storms[0]["labels"]["server"] == "n3"
    assert storms[0]["labels"]["team"] == "db"
    assert storms[0]["incident"]["advice"]["act"]
    assert receiver.tokens == {"Bearer bearer-token"}


async def told_and_over(receiver: Receiver, *, said: list[str], seconds: float = 10.0) -> None:
    """An incident that goes on for some ticks, then is over."""
    pager = pager_to(receiver, told=said, seconds=seconds)
    pager.begin()
    for _ in range(5):
        pager.take([INCIDENT], [])
    await until(lambda: pager.waiting == 0)
    for _ in range(5):
        pager.take([], [OVER])
    await until(lambda: pager.waiting == 0)
    await pager.close()


@pytest.mark.parametrize("answers", [(), (500, 503, 429), (500, 200, 502)])
def test_what_is_not_taken_is_tried_again(answers: tuple[int, ...]) -> None:
    said: list[str] = []
    with receiving(*answers) as receiver:
        run(told_and_over(receiver, said=said))
    assert statuses(receiver) == ["firing", "resolved"]
    assert receiver.refused == sum(status != 200 for status in answers)
    assert [line for line in said if "inc-1" in line] == [
        "firing inc-1 n1 lock_contention", "resolved inc-1 n1 lock_contention"
    ]  # fmt: skip


def test_a_receiver_that_never_answers_holds_nobody_up() -> None:
    said: list[str] = []
    with receiving(0) as receiver:
        run(told_and_over(receiver, said=said, seconds=0.2))
        assert statuses(receiver) == ["firing", "resolved"]
    assert said[0].startswith("no answer within 0.2 s; 1 to be told, tried again in")


@pytest.mark.parametrize("status", [400, 404, 302])
def test_what_will_never_be_taken_is_not_sent_again(status: int) -> None:
    said: list[str] = []
    with receiving(status, status) as receiver:
        run(told_and_over(receiver, said=said))
    assert (receiver.got, receiver.refused) == ([], 2)
    assert said == [f"it answers {status}: it does not take this, which is not sent again"]


def test_a_receiver_that_is_down_hears_of_all_that_was_when_it_is_up() -> None:
    async def scene() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        pager = pager_to(Receiver(f"http://127.0.0.1:{port}"))
        pager.begin()
        pager.take([replace(INCIDENT, id=f"inc-{number}") for number in range(3)], [])
        await asyncio.sleep(0.1)
        pager.take([replace(INCIDENT, id="inc-2")], [replace(OVER, id=f"inc-{number}") for number in (0, 1)])
        assert pager.waiting == 3
        with receiving(port=port) as receiver:
            await until(lambda: pager.waiting == 0)
            assert statuses(receiver) == ["resolved", "resolved", "firing"]
        await pager.close()

    run(scene())


def test_a_restart_tells_nobody_twice_and_still_tells_the_end() -> None:
    async def scene(receiver: Receiver, *, over: bool) -> None:
        pager = pager_to(receiver)
        pager.begin()
        for _ in range(3):
            pager.take([] if over else [INCIDENT], [OVER] if over else [])
            await asyncio.sleep(0)
        await until(lambda: pager.waiting == 0)
        await pager.close()

    with receiving() as receiver:
        for over in (False, False, True, True):
            run(scene(receiver, over=over))
        assert statuses(receiver) == ["firing", "resolved"]


def test_what_was_refused_is_told_after_a_restart_once_the_mistake_is_mended() -> None:
    async def scene(receiver: Receiver) -> None:
        pager = pager_to(receiver)
        pager.begin()
        pager.take([INCIDENT], [])
        await until(lambda: pager.waiting == 0)
        await pager.close()

    with receiving(401) as receiver:
        run(scene(receiver))
        assert (receiver.got, receiver.refused) == ([], 1)
        run(scene(receiver))
        assert statuses(receiver) == ["firing"]


def test_a_token_that_no_header_can_hold_is_said_and_does_not_end_the_pager() -> None:
    async def scene(receiver: Receiver) -> None:
        with pytest.raises(DeliveryError, match="codec can't encode") as error:
            await Webhook.of(receiver.url, Secret("schlüssel→")).post("/", b"{}")
        assert error.value.final
        assert "schlüssel" not in str(error.value)

    with receiving() as receiver:
        run(scene(receiver))


def test_the_api_of_an_alertmanager_stands_before_the_query() -> None:
    path = FORMATS["alertmanager"].path
    assert path("/am?tenant=1") == "/am/api/v2/alerts?tenant=1"
    assert path("/api/v2/alerts?tenant=1") == "/api/v2/alerts?tenant=1"
    assert path("") == "/api/v2/alerts"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pager_module, "MOST", 10)
    pager = pager_to(Receiver("http://127.0.0.1:1"))
    for number in range(100):
        pager.take([replace(INCIDENT, id=f"inc-{number}")], [])
    assert pager.waiting == 10


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://x/", "--webhook is a URL such as"),
        ("http://", "--webhook is a URL such as"),
        ("http://x:port/", "--webhook is a URL such as"),
        ("http://.example/", "--webhook is a URL such as"),
        (f"http://{'x' * 64}.example/", "--webhook is a URL such as"),
        ("http://x/équipe", "--webhook is a URL: other characters than ASCII"),
        ("https://user:tiger@x/", "a password in a URL shows in every process list"),
    ],
)
def test_a_url_that_will_not_do(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as error:
        Webhook.of(url, Secret())
    assert "tiger" not in str(error.value)
    ended = distdiag("alert", "127.0.0.1:1", "--webhook", url)
    assert (ended.returncode, ended.stderr.partition(": ")[2][: len(words)]) == (2, words)


def test_a_certificate_that_nobody_knows_is_not_trusted() -> None:
    with receiving() as receiver:  # which speaks no TLS at all
        webhook = Webhook.of(receiver.url.replace("http:", "https:"), Secret())
        with pytest.raises(DeliveryError, match=r"wrong version number|ssl"):
            run(webhook.post("/", b"{}"))


@contextmanager
def alertmanager(folder: Path) -> Iterator[str]:
    """Debian's, on loopback, in no cluster."""
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        pytest.skip("the package prometheus-alertmanager is not installed")
    config = folder / "alertmanager.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    words = (f"--config.file={config}", f"--storage.path={folder}", f"--web.listen-address={address}")
    command = (program, *words, "--cluster.listen-address=")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            soon(lambda: answers(f"http://{address}/-/ready"))
            yield f"http://{address}"
        finally:
            process.kill()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def test_a_real_alertmanager_takes_it_and_its_end(tmp_path: Path) -> None:
    with alertmanager(tmp_path) as url:

        def alerts() -> list[dict[str, Any]]:
            with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=5) as response:
                found: list[dict[str, Any]] = json.load(response)
                return found

        async def scene() -> None:
            now = time.time()
            incident = replace(INCIDENT, opened=now - 10, updated=now)
            pager = pager_to(Receiver(url), "alertmanager")
            pager.begin()
            pager.take([incident], [])
            await until(lambda: pager.waiting == 0)
            (alert,) = await asyncio.to_thread(alerts)
            assert alert["labels"] == {
                "alertname": "distdiag", "cluster": "shop", "zone": "zone1", "server": "n1",
                "cause": "lock_contention", "incident": "inc-1", "team": "db",
            }  # fmt: skip
            assert alert["status"]["state"] == "active"
            assert alert["annotations"]["summary"] == "n1: Lock contention (90 %)"
            pager.take([], [replace(incident, state="resolved", ended=now - 1)])
            await until(lambda: pager.waiting == 0)
            assert await asyncio.to_thread(alerts) == []
            await pager.close()

        run(scene())


def test_the_command_ends_in_order(tmp_path: Path) -> None:
    with receiving() as receiver:
        command = (sys.executable, "-m", "distdiag_tui", "alert", "127.0.0.1:1", "--webhook", receiver.url)
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        env = {**os.environ, "PYTHONPATH": path}
        with subprocess.Popen(command, env=env, stderr=subprocess.PIPE) as process:
            log = Path(os.environ["XDG_STATE_HOME"]) / "distdiag" / "log" / "distdiag.log"
            try:
                soon(lambda: log.exists() and "connection refused" in log.read_text())
                process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0
                assert process.stderr is not None
                assert process.stderr.read() == b""
            finally:
                process.kill()
