"""Whether Prometheus, or what takes its place, answers questions and takes what is written to it."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Final

from distdiag_tui.doctor.check import Check
from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.text import plain
from distdiag_tui.prometheus import missing
from distdiag_tui.prometheus.answers import Answer, Meaning, judge

SECONDS: Final = 3.0
RECEIVER: Final = "web.enable-remote-write-receiver"
_LARGEST: Final = 1 << 16
_QUERY: Final = "/api/v1/query?query=1"


async def prometheus(server: PrometheusServer | None) -> list[Check]:
    """Asked as the console asks, with the same account."""
    if server is None:
        mend = "only to keep history there: set PROMETHEUS_URL"
        return [Check("prometheus", "missing", "PROMETHEUS_URL is not set", mend)]
    if what := missing():
        return [Check("prometheus", "failing", "its libraries are not here", what)]
    return await asyncio.to_thread(lambda: list(_asked(server)))


def _asked(server: PrometheusServer) -> Iterator[Check]:
    reading = _ask(server, server.url + _QUERY, None, {})
    if reading.meaning is Meaning.TAKEN:
        yield Check("prometheus", "ok", f"{server.url} answers")
    else:
        yield _trouble("prometheus", server.url, reading, "PROMETHEUS_URL")
    if reading.meaning is Meaning.AGAIN or not server.write:
        return
    from distdiag_tui.prometheus.wire import HEADERS, encode  # noqa: PLC0415  of an extra

    writing = _ask(server, server.receiver, encode({}), HEADERS)  # no samples: nothing is written by it
    if writing.meaning in (Meaning.TAKEN, Meaning.BAD):
        yield Check("remote write", "ok", f"{server.receiver} takes it")
    elif writing.meaning is Meaning.NO_RECEIVER:
        words = f"{server.receiver} does not take remote write"
        yield Check("remote write", "missing", words, f"to keep history there, start it with --{RECEIVER}")
    else:
        yield _trouble("remote write", server.receiver, writing, "write_url in the profile")


def _trouble(name: str, where: str, answer: Answer, setting: str) -> Check:
    words = f"{where}: {answer.detail}"
    match answer.meaning:
        case Meaning.AGAIN:
            return Check(name, "unreachable", words, f"is it up, and is {setting} right?")
        case Meaning.CLOCK:
            return Check(name, "failing", words, "set the clock, here or there")
        case Meaning.NOT_US:
            return Check(name, "failing", words, f"are the account and {setting} right?")
        case _:
            return Check(name, "failing", words, f"is {setting} right?")


class _Stay(urllib.request.HTTPRedirectHandler):
    """An account is for one server only."""

    def redirect_request(self, *_: object) -> None:
        """Nowhere."""


def _ask(server: PrometheusServer, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    every = {**server.request_headers(), **headers}
    request = urllib.request.Request(url, body, every)  # noqa: S310  the scheme was checked
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            status, told, text = answer.status, answer.headers, answer.read(_LARGEST)
    except urllib.error.HTTPError as error:
        status, told, text = error.code, error.headers, error.read(_LARGEST)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Answer(Meaning.AGAIN, plain(str(reason), 120) or type(error).__name__)
    return judge(
        status, {name.lower(): value for name, value in told.items()}, text.decode("utf-8", "replace")
    )
