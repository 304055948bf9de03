"""The clusters that ob-operator runs: which pod has which server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kubernetes_asyncio.client import V1Pod

from distdiag_tui.kube.cluster import AbsentError, Cluster, ForbiddenError
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint

GROUP: Final = "oceanbase.oceanbase.com"
VERSION: Final = "v1alpha1"
_SERVERS: Final = f"observers.{GROUP}"
_CLUSTER, _ZONE, _SERVER = "ref-obcluster", "ref-obzone", "ref-observer"


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a cluster of ob-operator. `addresses`: of its pod, and of its service if it has one."""

    pod: str
    cluster: str
    zone: str
    addresses: tuple[str, ...]
    state: str

    @property
    def label(self) -> str:
        """For messages: the pod with the address that the database most likely reports."""
        return f"{self.pod} ({', '.join(self.addresses) or self.state or 'no address'})"


async def find_servers(cluster: Cluster, name: str = "") -> list[Server]:
    """Those in the namespace, of one OBCluster if it is named.

    Read from OBServers, or from their pods where that is not permitted.
    """
    query = {"label_selector": f"{_CLUSTER}={name}" if name else _CLUSTER}
    listing = cluster.custom.list_namespaced_custom_object
    try:
        found: Any = await cluster.call(
            "list", _SERVERS, listing, GROUP, VERSION, cluster.namespace, "observers", **query
        )
    except (AbsentError, ForbiddenError) as error:
        return await _from_pods(cluster, query["label_selector"], error)
    return [_of_object(item) for item in found["items"]]


async def _from_pods(cluster: Cluster, query: str, before: Exception) -> list[Server]:
    try:
        found = await cluster.call(
            "list",
            "pods",
            cluster.core.list_namespaced_pod,
            cluster.namespace,
            label_selector=f"{query},{_SERVER}",
        )
    except (AbsentError, ForbiddenError):
        raise before from None
    return [_of_pod(pod) for pod in found.items]


def _of_object(item: dict[str, Any]) -> Server:
    meta, status = item["metadata"], item.get("status") or {}
    addresses = dict.fromkeys(filter(None, (status.get("podIp"), status.get("serviceIp"))))
    return Server(
        pod=meta["name"],  # the operator gives both one name
        cluster=(meta.get("labels") or {}).get(_CLUSTER, ""),
        zone=item["spec"].get("zone", ""),
        addresses=tuple(addresses),
        state=status.get("status", ""),
    )


def _of_pod(pod: V1Pod) -> Server:
    labels = pod.metadata.labels
    variables = {each.name: each.value for each in pod.spec.containers[0].env or ()}
    addresses = dict.fromkeys(filter(None, (pod.status.pod_ip, variables.get("SVC_IP"))))
    return Server(
        pod=pod.metadata.name,
        cluster=labels[_CLUSTER],
        zone=variables.get("ZONE_NAME") or labels.get(_ZONE, ""),
        addresses=tuple(addresses),
        state=pod.status.phase or "",
    )


async def nodes_of(cluster: Cluster) -> dict[str, str]:
    """The Kubernetes node of each server's pod, by the pod's name; empty where that is not permitted."""
    listing = cluster.core.list_namespaced_pod
    try:
        found = await cluster.call("list", "pods", listing, cluster.namespace, label_selector=_CLUSTER)
    except (AbsentError, ForbiddenError):
        return {}
    return {pod.metadata.name: pod.spec.node_name for pod in found.items if pod.spec.node_name}


def match(servers: Sequence[Server], endpoint: Endpoint, namespace: str) -> Server:
    """The server of an endpoint, by its address or, as behind a port-forward, by its name.

    The name may be that of the pod, or the address that the database reports. ConfigError if there is none,
    or more than one.
    """
    if not servers:
        raise ConfigError(f"there is no server of ob-operator in namespace {namespace}")
    names = {_host(endpoint.name), _host(endpoint.host)} - {""}
    fits = [server for server in servers if any(_is_called(server, name) for name in names)]
    if len(fits) == 1:
        return fits[0]
    label = f"{endpoint.name} ({endpoint.address})" if endpoint.name else endpoint.address
    if not fits:
        there = ", ".join(server.label for server in servers)
        words = "behind a port-forward, name the server as its pod"
        raise ConfigError(f"no pod in namespace {namespace} has {label}; there are: {there}; {words}")
    there = ", ".join(f"{server.pod} of {server.cluster}" for server in fits)
    raise ConfigError(f"{label} could be any of: {there}; say which OBCluster is meant")


def _host(address: str) -> str:
    """Without the port."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _is_called(server: Server, name: str) -> bool:
    """By its pod, the service of the same name, or an address."""
    return name.partition(".")[0] == server.pod or name in server.addresses
