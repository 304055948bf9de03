"""Profiles in the user's folder: read whole, or refused with the file, the place and the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distdiag_tui.config import resolve_target
from distdiag_tui.config.environment import environment
from distdiag_tui.config.resolve import profiles_file
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.hostaccess import HostAccess, NodeExporter, Pods, Ssh
from distdiag_tui.model.target import Endpoint, Secret

Write = Callable[[str], Path]

SHOP = """
default = "shop"

[profile.shop]
servers = ["10.0.0.1:2883", { address = "10.0.0.2", name = "ob2", zone = "zone2" }, "[::1]"]
user = "monitor@sys"
password_file = "{folder}/shop.password"
production = true

[profile.lone]
servers = ["ob9"]
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes the profiles file of a user who stands in an empty folder."""
    monkeypatch.chdir(tmp_path)
    environment.cache_clear()

    def written(text: str) -> Path:
        file = profiles_file()
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
        return file

    yield written
    environment.cache_clear()


@pytest.fixture
def shop(write: Write, tmp_path: Path) -> Path:
    (tmp_path / "shop.password").write_text("tiger\n", encoding="utf-8")
    return write(SHOP.replace("{folder}", str(tmp_path)))


@pytest.mark.usefixtures("shop")
def test_a_profile_by_name_and_by_default() -> None:
    target = resolve_target("shop")
    assert resolve_target(None) == target
    assert (target.cluster, target.user, target.password) == ("shop", "monitor@sys", Secret("tiger"))
    assert target.production
    assert target.endpoints == (
        Endpoint("10.0.0.1", 2883),
        Endpoint("10.0.0.2", 2881, "ob2", "zone2"),
        Endpoint("::1", 2881),
    )


@pytest.mark.usefixtures("shop")
def test_what_a_profile_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OB_PASSWORD", "lion")
    target = resolve_target("lone")
    assert (target.user, target.password, target.production) == ("root", Secret("lion"), False)


@pytest.mark.usefixtures("shop")
def test_the_environment_goes_before_the_default_and_a_dsn_still_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OB_HOST", "ob7")
    assert resolve_target(None).cluster == "ob7:2881"
    assert resolve_target("ob8:1").cluster == "ob8:1"
    assert resolve_target("shop").cluster == "shop"


def test_a_profile_may_have_the_name_of_a_host(write: Write) -> None:
    write('[profile."ob1.example"]\nservers = ["10.0.0.1"]\n')
    assert resolve_target("ob1.example").endpoints == (Endpoint("10.0.0.1", 2881),)


def test_a_password_from_a_variable(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write('[profile.a]\nservers = ["ob1"]\npassword_env = "SHOP_PASSWORD"\n')
    with pytest.raises(ConfigError, match="from SHOP_PASSWORD, which is not set"):
        resolve_target("a")
    monkeypatch.setenv("SHOP_PASSWORD", "tiger")
    assert resolve_target("a").password == Secret("tiger")


@pytest.mark.parametrize(
    ("table", "access"),
    [
        ('{ way = "ssh" }', HostAccess(Ssh())),
        (
            '{ way = "ssh", user = "ob", port = 2222, names = { ob1 = "db1" }, data = "/data/1" }',
            HostAccess(Ssh("ob", 2222), {"ob1": "db1"}, data="/data/1"),
        ),
        ('{ way = "pods", program = "seekdb" }', HostAccess(Pods(), program="seekdb")),
        ('{ way = "none" }', HostAccess(None)),
        (
            '{ way = "prometheus", url = "https://p:9090", labels = { job = "node" }, token_file = "token" }',
            HostAccess(NodeExporter("https://p:9090", {"job": "node"}, token=Secret("tiger"))),
        ),
    ],
)
def test_the_way_to_a_profile_s_machines(
    table: str, access: HostAccess, write: Write, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("tiger\n")
    write(f'[profile.a]\nservers = ["ob1"]\nhost = {table}\n')
    found = resolve_target("a").hosts
    assert found == access
    assert "tiger" not in repr(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[profile.a", "cannot read"),
        ('[profile.a]\nservers = ["ob1"]\nuzer = "x"\n', r"profile\.a\.uzer"),
        ('[profile.a]\nservers = ["ob1"]\npassword = "tiger"\n', "belongs into password_file"),
        ("[profile.a]\nservers = []\n", r"profile\.a\.servers"),
        ('[profile.a]\nuser = "root"\n', r"profile\.a\.servers"),
        ('[profile.a]\nservers = [{ address = "ob1", port = 1 }]\n', r"profile\.a\.servers"),
        ('[profile.a]\nservers = ["ob1"]\nproduction = "perhaps"\n', r"profile\.a\.production"),
        ('[profile.a]\nservers = ["ob1:x"]\n', "has no valid port"),
        ('[profile.a]\nservers = [{ address = "ob1:x" }]\n', "has no valid port"),
        ('[profile.a]\nservers = ["ob1", "ob1"]\n', "listed twice"),
        (
            '[profile.a]\nservers = [{ address = "a", name = "n" }, { address = "b", name = "n" }]\n',
            "listed twice",
        ),
        ('[profile.a]\nservers = ["ob1"]\npassword_file = "/nowhere"\n', "cannot read the password file"),
        ('[profiles.a]\nservers = ["ob1"]\n', "profiles"),
        ("default = 5\n", "default"),
        ('[profile.a]\nservers = ["ob1"]\nhost = { way = "telnet" }\n', r"profile\.a\.host"),
        ('[profile.a]\nservers = ["ob1"]\nhost = { way = "ssh", url = "x" }\n', r"host\.ssh\.url"),
        ('[profile.a]\nservers = ["ob1"]\nhost = { way = "prometheus" }\n', r"host\.prometheus\.url"),
        (
            '[profile.a]\nservers = ["ob1"]\nhost = { way = "prometheus", url = "http://u:tiger@p" }\n',
            r"host\.prometheus\.url",
        ),
        (
            '[profile.a]\nservers = ["ob1"]\n'
            'host = { way = "prometheus", url = "http://p", password = "tiger" }\n',
            "belongs into password_file",
        ),
        (
            '[profile.a]\nservers = ["ob1"]\nhost = { way = "ssh", program = "a b; reboot" }\n',
            r"host\.ssh\.program",
        ),
    ],
)
def test_a_file_that_cannot_be(text: str, words: str, write: Write) -> None:
    write(text)
    with pytest.raises(ConfigError, match=words) as caught:
        resolve_target("a")
    assert "\n" not in str(caught.value)
    assert "tiger" not in str(caught.value)


@pytest.mark.parametrize("text", ["[profile.a", "bogus = 1"])
def test_the_file_is_named(text: str, write: Write) -> None:
    file = write(text)
    with pytest.raises(ConfigError) as caught:
        resolve_target("a")
    assert str(file) in str(caught.value)


def test_bytes_that_are_no_text(write: Write) -> None:
    write("").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot read"):
        resolve_target("a")


def test_a_default_that_is_not_there(write: Write) -> None:
    write('default = "b"\n[profile.a]\nservers = ["ob1"]\n')
    with pytest.raises(ConfigError, match="default names the profile 'b'"):
        resolve_target(None)
    assert resolve_target("a").cluster == "a"
