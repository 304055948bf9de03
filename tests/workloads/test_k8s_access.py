"""Which cluster, and as whom: kubeconfigs, several of them, and a pod's own account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import incluster_config

from distdiag_tui.kube import access
from distdiag_tui.kube.access import Access, find_access
from distdiag_tui.kube.place import Place
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.children import environment


def config(file: Path, current: str, **contexts: str) -> Path:
    """A kubeconfig with these contexts and their namespaces ("" for none); each has a server and a token."""
    document = {
        "current-context": current,
        "contexts": [
            {
                "name": name,
                "context": {"cluster": name, "user": name} | ({"namespace": space} if space else {}),
            }
            for name, space in contexts.items()
        ],
        "clusters": [{"name": name, "cluster": {"server": f"http://{name}"}} for name in contexts],
        "users": [{"name": name, "user": {"token": f"token-{name}"}} for name in contexts],
    }
    file.write_text(json.dumps(document))
    return file


async def test_the_current_context_or_the_one_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = config(tmp_path / "one", "a", a="", b="space")
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert find_access(Place()) == Access(str(file), "a", "default")
    assert find_access(Place(context="b")) == Access(str(file), "b", "space")
    assert find_access(Place(context="b", namespace="mine")).namespace == "mine"
    into = Configuration()
    await find_access(Place(context="b")).load(into)
    assert (into.host, into.api_key["BearerToken"]) == ("http://b", "Bearer token-b")


async def test_several_files_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = config(tmp_path / "one", "", a="from-one")
    second = config(tmp_path / "two", "b", a="from-two", b="other")
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'absent'}:{second}")
    assert find_access(Place()).namespace == "other"
    assert find_access(Place(context="a")).namespace == "from-one"
    into = Configuration()
    await find_access(Place()).load(into)
    assert into.host == "http://b"


async def test_a_login_program_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = config(tmp_path / "one", "a", a="")
    document = json.loads(file.read_text())
    program = {"command": "sh", "args": ["-c", "echo no >&2; exit 1"]}
    login = {"apiVersion": "client.authentication.k8s.io/v1", **program}
    document["users"][0]["user"] = {"exec": login}
    file.write_text(json.dumps(document))
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(ConfigError, match="exec: process returned 1"):
        await find_access(Place()).load(Configuration())


def test_login_programs_get_what_they_need_and_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "OB_PASSWORD", "KUBECONFIG"):
        monkeypatch.setenv(name, "x")
    assert {"AWS_PROFILE", "KUBECONFIG"} <= environment(login=True).keys()
    assert "AWS_PROFILE" not in environment(login=False)
    assert "OB_PASSWORD" not in environment(login=True)


def test_a_context_without_a_name_is_no_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = config(tmp_path / "one", "a", a="space")
    document = json.loads(file.read_text())
    document["contexts"] = [{"context": {"namespace": "nobody's"}}, {"name": "b"}, *document["contexts"]]
    file.write_text(json.dumps(document))
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert find_access(Place()).namespace == "space"
    assert find_access(Place(context="b")).namespace == "default"
    with pytest.raises(ConfigError, match="no context 'c'; there are: b, a"):
        find_access(Place(context="c"))


def test_a_pod_without_a_token_has_no_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_POD_NAMESPACE", tmp_path / "namespace")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert find_access(Place(namespace="mine")) == Access("", "", "mine")
    with pytest.raises(ConfigError, match="no namespace is named, nor does this pod say its own"):
        find_access(Place())


async def test_inside_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("token", "pod-token"), ("ca.crt", "certificate"), ("namespace", "own\n")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setattr(access, "_POD_NAMESPACE", tmp_path / "namespace")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    environment = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(incluster_config.InClusterConfigLoader.__init__, "__defaults__", (True, environment))
    assert find_access(Place()) == Access("", "", "own")
    into = Configuration()
    await find_access(Place()).load(into)
    assert (into.host, into.api_key["BearerToken"]) == ("https://10.0.0.1:443", "Bearer pod-token")
    (tmp_path / "token").unlink()
    with pytest.raises(ConfigError, match="service account: Service token file does not exist"):
        await find_access(Place()).load(into)
