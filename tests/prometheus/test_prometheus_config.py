"""Which Prometheus, and by which account: from the environment, `.env` and profiles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from distdiag_tui.config import resolve_target
from distdiag_tui.config.environment import environment
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.target import Secret


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder, and an environment that is read anew."""
    monkeypatch.chdir(tmp_path)
    environment.cache_clear()
    yield tmp_path
    environment.cache_clear()


def test_without_the_variable_there_is_none() -> None:
    assert resolve_target("10.0.0.1").prometheus is None


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"URL": "http://p:9090/"}, PrometheusServer("http://p:9090")),
        ({"URL": "https://p/prometheus/"}, PrometheusServer("https://p/prometheus")),
        ({"URL": "http://[::1]:9090"}, PrometheusServer("http://[::1]:9090")),
        ({"URL": "http://ann:ti%40ger@p"}, PrometheusServer("http://p", "ann", Secret("ti@ger"))),
        (
            {"URL": "http://p", "USER": "ann", "PASSWORD": "x"},
            PrometheusServer("http://p", "ann", Secret("x")),
        ),
        ({"URL": "http://p", "TOKEN": "x"}, PrometheusServer("http://p", token=Secret("x"))),
        ({"URL": "http://p", "WRITE": "no"}, PrometheusServer("http://p", write=False)),
    ],
)
def test_from_the_environment(
    variables: dict[str, str], expected: PrometheusServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"PROMETHEUS_{name}", value)
    assert resolve_target("10.0.0.1").prometheus == expected
    for name in variables:
        monkeypatch.delenv(f"PROMETHEUS_{name}")
    (folder / ".env").write_text("".join(f"PROMETHEUS_{n}='{v}'\n" for n, v in variables.items()))
    environment.cache_clear()
    assert resolve_target("10.0.0.1").prometheus == expected


@pytest.mark.parametrize(
    "url",
    [
        "p:9090",
        "ftp://p",
        "http://",
        "http://p:99999",
        "http://p/?q=tiger",
        "http://a:tiger@[",
        "http://tiger p",
    ],
)
def test_what_is_no_address_is_refused_without_showing_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", url)
    with pytest.raises(ConfigError, match="PROMETHEUS_URL must be the address of a server") as refused:
        resolve_target("10.0.0.1")
    assert "tiger" not in str(refused.value)


@pytest.mark.parametrize("others", [{"USER": "ann", "TOKEN": "tiger"}, {"PASSWORD": "tiger"}])
def test_an_unclear_account_is_refused(others: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"URL": "http://p", **others}.items():
        monkeypatch.setenv(f"PROMETHEUS_{name}", value)
    with pytest.raises(ConfigError) as refused:
        resolve_target("10.0.0.1")
    assert "tiger" not in str(refused.value)


PROFILE = """
[profile.shop]
servers = ["10.0.0.1"]
[profile.shop.prometheus]
url = "https://mimir/prometheus"
write_url = "https://mimir/api/v1/push"
token_file = "token"
headers = { X-Scope-OrgID = "oncall" }
labels = { env = "prod" }
obagent = { ob_cluster_name = "shop" }
"""


def profiles(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "config" / "distdiag"
    folder.mkdir(parents=True)
    (folder / "profiles.toml").write_text(text)


def test_a_profile_goes_before_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", "http://other")
    (folder / "token").write_text("tiger\n")
    profiles(folder, PROFILE)
    server = resolve_target("shop").prometheus
    assert server is not None
    assert (server.url, server.receiver) == ("https://mimir/prometheus", "https://mimir/api/v1/push")
    assert server.request_headers() == {"X-Scope-OrgID": "oncall", "Authorization": "Bearer tiger"}
    assert (server.labels, server.obagent) == ({"env": "prod"}, {"ob_cluster_name": "shop"})
    assert "tiger" not in repr(server)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('env = "prod"', '"a-b" = "prod"'),
        ("X-Scope-OrgID", '"X Scope"'),
        ('"oncall"', '"a\\r\\nb: c"'),
        ("https://mimir/api", "https://ann:tiger@mimir/api"),
        ('token_file = "token"', 'token_file = "nothing"'),
        ('token_file = "token"', 'token = "tiger"'),
    ],
)
def test_a_profile_that_is_wrong_is_refused(old: str, new: str, folder: Path) -> None:
    (folder / "token").write_text("tiger\n")
    profiles(folder, PROFILE.replace(old, new))
    with pytest.raises(ConfigError) as refused:
        resolve_target("shop")
    assert "tiger" not in str(refused.value)
