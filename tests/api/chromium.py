"""A real Chromium on loopback without a window, steered by its debugging protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # whatever a page asks of the world outside fails at once, and is seen
    *("--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
    *("--window-size=1400,900", "--remote-debugging-port=0"),
)


def program() -> str:
    """Skips where there is none."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    return found or pytest.skip("needs a browser: Debian's package chromium")


class Page:
    """An open page: `asked` are the addresses that it wanted, `heard` what came over its WebSockets."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.asked: list[str] = []
        self.heard = b""
        self.complaints: list[str] = []
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """A command's result; events that come before it are taken note of."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            told = json.loads((await self._socket.receive()).data)
            if told.get("id") == self._number:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result
            self._note(told["method"], told["params"])

    async def value(self, script: str) -> Any:  # noqa: ANN401  whatever the script says
        """Of an expression in the page."""
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, seen: Callable[[], bool] | str, seconds: float = 40) -> None:
        """Wait until it is so here, or (a script) in the page."""
        async with asyncio.timeout(seconds):
            while not (await self.value(seen) if isinstance(seen, str) else seen()):
                await asyncio.sleep(0.05)
                await self.value("0")  # lets events come

    async def press(self, letter: str) -> None:
        """A key, as a person presses it."""
        code = {"key": letter, "code": f"Key{letter.upper()}", "windowsVirtualKeyCode": ord(letter.upper())}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=letter, **code)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    async def picture(self) -> bytes:
        """What is to be seen, as PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot"))["data"])

    def _note(self, event: str, params: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif event == "Network.webSocketCreated":
            self.asked.append(params["url"])
        elif event == "Network.webSocketFrameReceived":
            frame = params["response"]
            text: str = frame["payloadData"]
            self.heard += base64.b64decode(text) if frame["opcode"] == 2 else text.encode()
        elif event == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))


@asynccontextmanager
async def browsing(folder: Path, address: str) -> AsyncIterator[Page]:
    """A browser of its own with that page, ended afterwards."""
    command = (program(), *FLAGS, f"--user-data-dir={folder}", "about:blank")
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    try:
        port = await _port(folder / "DevToolsActivePort")
        async with ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                pages = [each for each in await response.json() if each["type"] == "page"]
            where = pages[0]["webSocketDebuggerUrl"]
            async with session.ws_connect(where, max_msg_size=0) as socket:
                page = Page(socket)
                for domain in ("Network", "Log", "Runtime", "Page"):
                    await page.call(f"{domain}.enable")
                await page.call("Page.navigate", url=address)
                yield page
                await page.call("Browser.close")
    finally:
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _port(file: Path) -> int:
    """Where it listens for commands, once it does."""
    async with asyncio.timeout(30):
        while not (file.exists() and (lines := file.read_text().splitlines())):  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.05)
    return int(lines[0])
