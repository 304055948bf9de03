"""The console in a browser: a real one at the other end of a WebSocket, and for nobody else."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path

import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from chromium import browsing, program
from conftest import LiveLab, run
from serving import Service, serving, soon

TOKEN = "a-long-and-secret-token"
SEEN = (b"QPS", b"n1")
PAINTED = 40_000
"""Bytes of a picture that shows figures: an empty page has 14,000, this console 120,000."""


async def first_screen(service: Service, headers: dict[str, str]) -> bytes:
    """What comes until figures are seen."""
    seen = b""
    where = f"{service.address}/ws?width=120&height=40"
    async with ClientSession() as session, session.ws_connect(where, headers=headers) as socket:
        async with asyncio.timeout(40):
            async for message in socket:
                seen += message.data if isinstance(message.data, bytes) else message.data.encode()
                if all(word in seen for word in SEEN):
                    assert not any(holds_token(child) for child in consoles_of(service))
                    break
    return seen


def holds_token(process: int) -> bool:
    return TOKEN.encode() in Path(f"/proc/{process}/environ").read_bytes()


async def refused(service: Service, headers: dict[str, str]) -> int:
    """The status with which no console is opened; 0 if one is."""
    async with ClientSession() as session:
        try:
            async with session.ws_connect(f"{service.address}/ws", headers=headers):
                return 0
        except WSServerHandshakeError as error:
            return error.status


def consoles_of(service: Service) -> list[int]:
    """Processes that the service has started."""
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text()
    return [int(child) for child in children.split()]


async def visit(service: Service, profile: Path) -> None:
    """Look at it, and press q."""
    async with browsing(profile, f"{service.address}/") as page:
        await page.until(lambda: all(word in page.heard for word in SEEN))
        await page.until("[...document.fonts].some((font) => font.status === 'loaded')")
        await page.until("document.body.classList.contains('-first-byte')")
        assert len(await page.picture()) > PAINTED
        await page.press("q")  # without a click before
        await page.until("document.body.classList.contains('-closed')")
    here = (service.address, service.address.replace("http", "ws", 1), "data:")
    assert [address for address in page.asked if not address.startswith(here)] == []
    assert any(address.endswith(".ttf") for address in page.asked)
    assert page.complaints == []


def test_the_console_itself_for_this_machine_and_its_own_page(lab: LiveLab, tmp_path: Path) -> None:
    with serving(tmp_path, "lab", "--web", DISTDIAG_LAB_HOME=str(lab.home)) as service:
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
            assert run(refused(service, headers)) == 403
        page = service.get("/", Host=f"localhost:{service.port}")
        assert f"ws://localhost:{service.port}/ws" in page.text
        proxied = service.get("/", X_Forwarded_Proto="https")
        assert f'"wss://127.0.0.1:{service.port}/ws"' in proxied.text
        assert "http://" not in proxied.text.replace("http://www.w3.org/2000/svg", "")
        assert "connect-src 'self'" in page.headers["content-security-policy"]
        assert run(first_screen(service, {"Origin": service.address}))
        soon(lambda: consoles_of(service) == [])
        service.process.terminate()
        assert service.process.wait(20) == 0


def test_elsewhere_only_with_the_token(lab: LiveLab, tmp_path: Path) -> None:
    words = ("lab", "--web", "--host", "0.0.0.0")
    home = {"DISTDIAG_LAB_HOME": str(lab.home), "DISTDIAG_TOKEN": TOKEN}
    with serving(tmp_path, *words, **home) as service:
        for given in ("", f"any:{TOKEN}x", "any"):
            basic = f"Basic {b64encode(given.encode()).decode()}"
            answer = service.get("/", **({"Authorization": basic} if given else {}))
            assert (answer.status, answer.headers["www-authenticate"][:5]) == (401, "Basic")
        basic = f"Basic {b64encode(f'any:{TOKEN}'.encode()).decode()}"
        assert service.get("/", Authorization=basic).status == 200
        assert run(first_screen(service, {"Authorization": basic}))
        assert run(refused(service, {})) == 401
        soon(lambda: consoles_of(service) == [])


@pytest.mark.slow
def test_a_real_browser_paints_it_takes_its_keys_and_asks_nobody_else(lab: LiveLab, tmp_path: Path) -> None:
    program()
    with serving(tmp_path, "lab", "--web", DISTDIAG_LAB_HOME=str(lab.home)) as service:
        run(visit(service, tmp_path / "profile"))
        soon(lambda: consoles_of(service) == [])
