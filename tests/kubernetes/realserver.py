"""A real Kubernetes API server for custom resources, apiextensions-apiserver, where it is at hand with etcd.

It has schema validation, pruning, watches, selectors and conflicts of the real thing; no pods, no events, no
admission webhooks. Who somebody is and what he may do it asks another server, as it would ask the main one of
a cluster: here that is a thread of the test, with the same `Gate` as the stand-in.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from apicall import Gate
from apiserver import TOKEN, USER

PROGRAM = "apiextensions-apiserver"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class RealServer:
    """Two processes and a thread; `gate` says who may do what."""

    def __init__(self, folder: Path, etcd: str, program: str) -> None:
        self.gate = Gate({TOKEN: USER})
        self.port = 0
        self._folder, self._etcd, self._program = folder, etcd, program
        self._processes: list[subprocess.Popen[bytes]] = []
        self._core = _Core(self.gate)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._certificate))

    @property
    def _certificate(self) -> Path:
        return self._folder / "certs" / "apiserver.crt"

    def start(self) -> None:
        client, peer, self.port = _free_ports(3)
        self._store = f"http://127.0.0.1:{client}"
        addresses = ("--listen-client-urls", self._store, "--advertise-client-urls", self._store)
        peers = ("--listen-peer-urls", f"http://127.0.0.1:{peer}")
        self._spawn("etcd", self._etcd, "--data-dir", str(self._folder / "etcd"), *addresses, *peers)
        self.up()

    def up(self) -> None:
        """Serve, again on the same port if it had been down."""
        core = self._folder / "core.json"
        core.write_text(json.dumps(_config(self._core.url, {}, {}, "")))
        self._spawn(
            "api",
            self._program,
            f"--etcd-servers={self._store}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={self._folder / 'certs'}",
            f"--kubeconfig={core}",
            f"--authentication-kubeconfig={core}",
            "--enable-priority-and-fairness=false",
            "--authentication-skip-lookup",
            "--authentication-token-webhook-cache-ttl=0s",
            f"--authorization-kubeconfig={core}",
            "--authorization-webhook-cache-authorized-ttl=0s",
            "--authorization-webhook-cache-unauthorized-ttl=0s",
            "--disable-admission-plugins=NamespaceLifecycle,MutatingAdmissionWebhook,"
            "ValidatingAdmissionWebhook,MutatingAdmissionPolicy,ValidatingAdmissionPolicy",
        )
        self._until(lambda: self._ask(_DEFINITIONS)[0] == 200)  # never ready: it waits for a main server

    def down(self) -> None:
        """Vanish, with every connection."""
        process = self._processes.pop()
        process.kill()
        process.wait()

    def close(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._core.close()

    def install(self, definitions: Sequence[dict[str, Any]]) -> None:
        """Custom resources; they are served when it returns."""
        for definition in definitions:
            status, answer = self._ask(_DEFINITIONS, definition)
            assert status == 201, answer
            spec = definition["spec"]
            served = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
            self._until(lambda path=served: self._ask(path)[0] == 200)  # type: ignore[misc]

    def kubeconfig(self, folder: Path, namespace: str, token: str = TOKEN) -> Path:
        """A file that leads here."""
        cluster = {"certificate-authority": str(self._certificate)}
        file = folder / "kubeconfig"
        file.write_text(json.dumps(_config(self.url, cluster, {"token": token}, namespace)))
        return file

    def _spawn(self, name: str, *command: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder)
            )

    def _until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not true():
            ended = [process.args for process in self._processes if process.poll() is not None]
            assert not ended, f"{ended[0]!r} ended: {(self._folder / 'api.log').read_text()[-2000:]}"
            assert time.monotonic() < end, (self._folder / "api.log").read_text()[-2000:]
            time.sleep(0.05)

    def _ask(self, path: str, body: object = None) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.trust) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, FileNotFoundError):
            return 0, ""


@contextmanager
def real_server(folder: Path) -> Iterator[RealServer]:
    """One that runs meanwhile; the test is skipped where its programs are not installed."""
    etcd = shutil.which("etcd")
    program = shutil.which(PROGRAM, path=f"{os.environ.get('PATH', '')}:{Path.home() / 'go' / 'bin'}")
    if not etcd or not program:
        pytest.skip(f"needs etcd (Debian: etcd-server) and {PROGRAM} (go install k8s.io/{PROGRAM}@v0.37.2)")
    server = RealServer(folder, etcd, program)
    try:
        server.start()
        yield server
    finally:
        server.close()


class _Core:
    """Answers who a token is and what he may do, from a gate."""

    def __init__(self, gate: Gate) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                review["status"] = _reviewed(gate, review)
                body = json.dumps(review).encode()
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """The API server that asked was ended: nobody waits for an answer."""


def _reviewed(gate: Gate, review: dict[str, Any]) -> dict[str, Any]:
    spec = review["spec"]
    if review["kind"] == "TokenReview":
        user = gate.tokens.get(spec["token"])
        return {
            "authenticated": user is not None,
            "user": {"username": user or "", "groups": ["system:authenticated"]},
        }
    asked = spec.get("resourceAttributes")
    if asked is None:
        return {"allowed": True}
    name = f"{asked['resource']}.{asked['group']}" if asked.get("group") else asked["resource"]
    return {"allowed": gate.permits(spec["user"], (asked["verb"], name))}


def _config(url: str, cluster: dict[str, Any], user: dict[str, Any], namespace: str) -> dict[str, Any]:
    context = {"cluster": "here", "user": USER, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "real",
        "contexts": [{"name": "real", "context": context}],
        "clusters": [{"name": "here", "cluster": {"server": url, **cluster}}],
        "users": [{"name": USER, "user": user}],
    }


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports
