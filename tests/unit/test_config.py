"""What a person types and sets, and what is made of it."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from distdiag_tui.config import resolve_target
from distdiag_tui.config.dsn import parse_dsn, parse_endpoint
from distdiag_tui.config.environment import (
    environment,
    environment_password,
    environment_port,
    read_password,
)
from distdiag_tui.model.errors import ConfigError, LabError
from distdiag_tui.model.target import Endpoint, Secret, Target


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder, and an environment that is read anew."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    environment.cache_clear()
    yield here
    environment.cache_clear()


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("ob1", "ob1", 2881),
        ("10.0.0.7:3306", "10.0.0.7", 3306),
        ("[fe80::1]", "fe80::1", 2881),
        ("[::1]:2882", "::1", 2882),
        ("ob1:1", "ob1", 1),
        ("ob1:65535", "ob1", 65535),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    endpoint = parse_endpoint(text)
    assert (endpoint.host, endpoint.port) == (host, port)
    assert parse_endpoint(endpoint.address) == endpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host:port\nx",
        ":2881",
        "ob1:0",
        "ob1:65536",
        "ob1:x",
        "ob1:-1",
        "ob1:１",
        "ob1:²",
        "a b",
        "a\x1b[2J",
        "::1",
        "[::1",
        "[::1]x",
        "ob1:",
        "[::1]:",
        "[]:2881",
        "[ob 1]",
        "a/b",
        "a@b",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match="host:port"):
        parse_endpoint(text)


@pytest.mark.parametrize(
    ("dsn", "user", "addresses"),
    [
        ("ob1", "", ["ob1:2881"]),
        ("root@sys#c1@10.0.0.1:2881,10.0.0.2", "root@sys#c1", ["10.0.0.1:2881", "10.0.0.2:2881"]),
        ("mysql://monitor@ob1/", "monitor", ["ob1:2881"]),
        ("oceanbase://root@sys@[::1]:2883,[::2]", "root@sys", ["[::1]:2883", "[::2]:2881"]),
        ("monitor@ob1", "monitor", ["ob1:2881"]),
    ],
)
def test_dsns(dsn: str, user: str, addresses: list[str]) -> None:
    found, endpoints = parse_dsn(dsn)
    assert (found, [endpoint.address for endpoint in endpoints]) == (user, addresses)


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        ("http://ob1", "unknown scheme in http://"),
        ("root:tiger@ob1", "shows in every process list"),
        ("mysql://root@sys:tiger@ob1:2881", "OB_PASSWORD"),
        ("ob1/test", "ends after the servers"),
        ("ob1?ssl=1", "ends after the servers"),
        ("root@", "host:port"),
        ("ob1,,ob2", "host:port"),
        ("ob1,", "host:port"),
        ("", "host:port"),
        ("ob1,ob2,ob1:2881", "ob1:2881 is listed twice"),
    ],
)
def test_dsns_that_cannot_be(dsn: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        parse_dsn(dsn)
    assert "tiger" not in str(caught.value)


def test_the_environment_wins_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("OB_HOST=filed\nOB_USER='a@b'\nOB_PORT=1\nOTHER=x\n", encoding="utf-8")
    monkeypatch.setenv("OB_HOST", "set")
    monkeypatch.setenv("OB_PORT", "2")
    assert dict(environment()) == {"OB_HOST": "set", "OB_USER": "a@b", "OB_PORT": "2"}


def test_the_file_puts_nothing_together_from_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("PROMETHEUS_URL=http://x/${SECRET}\n", encoding="utf-8")
    monkeypatch.setenv("SECRET", "tiger")
    assert environment()["PROMETHEUS_URL"] == "http://x/${SECRET}"


def test_a_file_that_others_can_write_is_not_read(folder: Path) -> None:
    (folder / ".env").write_text("OB_HOST=evil\n", encoding="utf-8")
    (folder / ".env").chmod(0o666)
    with pytest.raises(ConfigError, match="can be written by others"):
        environment()


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OB_HOST", "")
    assert environment() == {}


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "28 81", "²"])
def test_a_port_that_cannot_be(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OB_PORT", port)
    with pytest.raises(ConfigError, match="OB_PORT is"):
        environment_port()


def test_the_port_of_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment_port() is None
    environment.cache_clear()
    monkeypatch.setenv("OB_PORT", "3306")
    addresses = [endpoint.address for endpoint in resolve_target("a.b,c:1").endpoints]
    assert addresses == ["a.b:3306", "c:1"]


@pytest.mark.parametrize("content", ["tiger", "tiger\n", "tiger\r\nsecond line\n"])
def test_a_password_file(content: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "secret").write_bytes(content.encode())
    monkeypatch.setenv("OB_PASSWORD_FILE", "secret")
    assert environment_password() == Secret("tiger")


def test_a_password_file_in_the_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "secret").write_text(" mit Leerzeichen ü \n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(folder))
    assert read_password(Path("~/secret")) == Secret(" mit Leerzeichen ü ")


def test_the_password_itself_wins_over_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OB_PASSWORD", "tiger")
    monkeypatch.setenv("OB_PASSWORD_FILE", "/nowhere")
    assert environment_password() == Secret("tiger")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_password_file_that_cannot_be_read(
    content: bytes | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (folder / "secret").write_bytes(content)
    monkeypatch.setenv("OB_PASSWORD_FILE", "secret")
    with pytest.raises(ConfigError, match="cannot read the password file secret"):
        environment_password()


def test_a_secret_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("tiger")
    target = Target("c", (Endpoint("h", 1),), "root", secret)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r", target, {"password": secret})
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!s:>10}",
        f"{target}",
        repr([target]),
        caplog.text,
    ]
    assert not any("tiger" in text for text in shown)
    assert not hasattr(secret, "__dict__")
    assert "******" in repr(target)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol: int) -> None:
    for holder in (Secret("tiger"), Target("c", (), "root", Secret("tiger"))):
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(holder, protocol)


def test_secrets_compare_by_what_they_hold() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
    assert not Secret()


def test_without_anything_it_is_said_what_could_be_given() -> None:
    with pytest.raises(LabError, match="no lab is running"):
        resolve_target("lab")
    with pytest.raises(ConfigError, match="no cluster is named: give host:port or a profile"):
        resolve_target(None)


def test_the_environment_names_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OB_HOST", "ob1,ob2:1")
    monkeypatch.setenv("OB_USER", "monitor@sys")
    monkeypatch.setenv("OB_PASSWORD", "tiger")
    target = resolve_target(None)
    assert (target.cluster, target.user, target.password) == (
        "ob1:2881,ob2:1",
        "monitor@sys",
        Secret("tiger"),
    )
    assert [endpoint.address for endpoint in target.endpoints] == ["ob1:2881", "ob2:1"]
    assert resolve_target("root@localhost").user == "root"


def test_a_single_server_gives_the_cluster_its_name() -> None:
    target = resolve_target("localhost")
    assert (target.cluster, target.user, target.password) == ("localhost:2881", "root", Secret())
    assert not target.production


def test_a_name_that_is_nothing() -> None:
    with pytest.raises(ConfigError, match=r"no profile named 'shop' in .*profiles\.toml; .* host:port"):
        resolve_target("shop")
