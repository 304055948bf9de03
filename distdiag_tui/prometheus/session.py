"""HTTP to a Prometheus that is trusted with nothing: not with our time, our memory, or where to ask next."""

from __future__ import annotations

import json
import time
from typing import Any, Final

import requests
from urllib3.exceptions import ReadTimeoutError

from distdiag_tui.model.errors import PrometheusError
from distdiag_tui.model.text import plain
from distdiag_tui.prometheus.answers import clock_offset

CONNECT: Final = 2.0  # s
SILENCE: Final = 5.0  # s between two pieces of an answer
WHOLE: Final = 15.0  # s for one request
MOST_BYTES: Final = 64 * 2**20
PIECE: Final = 2**16
CLOCK_TOLERANCE: Final = 10.0  # s, above which its times are not those of our ticks


class BoundedSession(requests.Session):
    """Every request ends, in time and in size, and with JSON or a PrometheusError. Follows no redirects.

    `offset` is how far the server's clock was ahead in its last answer (s).
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # neither proxies nor accounts of other programs
        self.offset = 0.0

    def request(self, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401  as the original's
        """The answer, which has been read."""
        options |= {"stream": True, "timeout": (CONNECT, SILENCE), "allow_redirects": False}
        end = time.monotonic() + WHOLE
        try:
            response = super().request(*args, **options)
            response._content = self._read(response, end)
        except requests.Timeout:
            raise PrometheusError("Prometheus does not answer in time") from None
        except requests.RequestException as error:
            if error.args and isinstance(error.args[0], ReadTimeoutError):  # in the middle of an answer
                raise PrometheusError("Prometheus does not answer in time") from None
            raise PrometheusError(f"Prometheus cannot be reached ({type(error).__name__})") from None
        self.offset = clock_offset(response.headers.get("Date", ""), time.time())
        _check(response)
        return response

    def _read(self, response: requests.Response, end: float) -> bytes:
        pieces, size = [], 0
        with response:
            for piece in response.iter_content(PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > MOST_BYTES:
                    raise PrometheusError(f"Prometheus answers with more than {MOST_BYTES >> 20} MB")
                if time.monotonic() > end:
                    raise PrometheusError("Prometheus does not answer in time")
        return b"".join(pieces)


def _check(response: requests.Response) -> None:
    kind = response.headers.get("Content-Type", "")
    is_json = "json" in kind
    if response.status_code == 200 and is_json:
        return
    words = _reason(response) if is_json else f"not JSON but {plain(kind, 40) or 'nothing'}"
    raise PrometheusError(f"Prometheus answers HTTP {response.status_code}: {words}")


def _reason(response: requests.Response) -> str:
    """The error in its own words, in one line."""
    try:
        return plain(response.json()["error"], 120)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        return "without a reason"
