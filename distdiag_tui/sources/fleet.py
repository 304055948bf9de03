"""The servers of a target: who they are, over which connection each is sampled, and how each is doing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Final

from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.target import Endpoint, Sampling, Target
from distdiag_tui.model.topology import Layout, Server, Status, Tenant
from distdiag_tui.sources.discovery.alone import Alone, layout_of
from distdiag_tui.sources.discovery.known import Given, Key, Known, Place, Table
from distdiag_tui.sources.discovery.values import by_address
from distdiag_tui.sources.frame import Sample
from distdiag_tui.sources.node import SLOW_AFTER, Node
from distdiag_tui.sources.reader import Reader

_ENTRANCES: Final = 3
_OUT_OF_REACH: Final = (Status.UNREACHABLE, Status.REFUSED)
MOST_DIRECT: Final = 16  # servers that get a connection each; each costs about 1 % of a core


class Fleet:
    """Until the cluster has told of its servers, those are the endpoints that were given.

    A server is sampled over a connection of its own where the profile or the network allows, else its
    figures come from the reader, which asks one server for all.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.nodes = [] if target.proxied else [Node(endpoint, target) for endpoint in target.endpoints]
        self.reader = Reader(target)
        self.known: Known | None = None
        self.looks = 0  # how often the cluster has told
        self.trouble = Status.CONNECTING, ""
        self._proxied = target.proxied
        self._by_key: dict[Key, Node] = {}
        self._read_at: dict[Key, float] = {}
        self._offsets: dict[Key, float] = {}
        self._tenants: dict[str, tuple[Tenant, ...]] = {}
        self._layout: Layout | None = None
        self._tables: list[dict[str, Table]] = []

    # -- who there is -------------------------------------------------------------------------------

    @property
    def clustered(self) -> bool:
        """Whether there is a cluster to discover."""
        return self.known is not None or self.target.proxied or any(node.clustered for node in self.nodes)

    @property
    def layout(self) -> Layout | None:
        """What the cluster said of itself last, or servers without a cluster of themselves."""
        alone = [node for node in self.nodes if node.known and not node.clustered]
        tables = [node.tables for node in alone]
        if self.known is None and alone and tables != self._tables:
            self._tables = [dict(each) for each in tables]
            self._layout = layout_of(Alone(node.server(), node.tables, node.clock_offset) for node in alone)
        if self.known is not None and self._layout is not None:
            sampling = "cluster" if not self._by_key else "mixed" if self.reads else "direct"
            if sampling != self._layout.sampling or self._clocks():
                self._layout = self._described(self.known.layout, sampling)
        return self._layout

    def given(self) -> Given:
        """Which endpoints belong to which servers, as far as that has shown."""
        named = [node for node in self.nodes if node.endpoint in self.target.endpoints and not node.proxied]
        met = {node.key: node.endpoint for node in named if node.key is not None and node.clustered}
        before = {} if self.known is None else self.known.places
        for key, place in before.items():
            if any(place.endpoint.address == each.address for each in self.target.endpoints):
                met.setdefault(key, place.endpoint)
        return Given(met, by_address(self.target.endpoints))

    def entrances(self) -> tuple[Endpoint, ...]:
        """Where to ask for the whole cluster: servers that answer, what was given, some that were found."""
        answering = [node.endpoint for node in self.nodes if node.clustered and node.server().status.answers]
        listed = [*answering[:_ENTRANCES], *self.target.endpoints]
        if self.known is not None and not self.target.proxied:
            places = self.known.places.values()
            well = (each for each in places if each.direct and each.key not in self.reader.left_out)
            listed += [each.endpoint for each in islice(well, 4 * _ENTRANCES)]
        return tuple({each.address: each for each in listed}.values())

    def adopt(self, known: Known) -> None:
        """The cluster has told: servers that are new get a node if they can have one, others lose theirs."""
        before = {} if self.known is None else self.known.places
        self.known = known
        self.looks += 1
        self.trouble = Status.UP, ""
        self._proxied |= any(node.proxied for node in self.nodes)  # which are gone by the next look
        nodes = {node.key: node for node in self.nodes if node.clustered and node.key is not None}
        by_address = {node.endpoint.address: node for node in self.nodes}
        kept: list[Node] = [node for node in self.nodes if node.known and not node.clustered]
        for key, place in known.places.items():
            node = nodes.get(key) or by_address.get(place.endpoint.address)
            if node is not None and node.proxied:
                node = None
            if self._direct(place):
                node = node or Node(place.endpoint, self.target)
                node.endpoint = place.endpoint
                kept.append(node)
        for node in self.nodes:
            if node not in kept:
                node.close()
        self.nodes = kept
        placed = {place.endpoint.address: key for key, place in known.places.items()}
        self._by_key = {placed[n.endpoint.address]: n for n in kept if n.endpoint.address in placed}
        restarted = {key for key, place in known.places.items()
                     if key in before and place.started != before[key].started}  # fmt: skip
        self.reader.forget(restarted | (before.keys() - known.places.keys()))
        self.reader.tenants, self.reader.places = known.tenants, known.places
        self._tenants = _tenants_by_server(known)
        if known.answers.here is not None and known.answers.offset is not None:
            self._offsets[known.answers.here] = known.answers.offset
        self._clocks()
        self._layout = self._described(known.layout, "")

    def _direct(self, place: Place) -> bool:
        """Whether a server gets a connection of its own."""
        if self.target.sampling is Sampling.AUTO:
            assert self.known is not None
            return place.direct and not self._proxied and len(self.known.places) <= MOST_DIRECT
        return place.direct and self.target.sampling is Sampling.DIRECT

    def _clocks(self) -> bool:
        """Take in what nodes know of clocks; whether that is anything new."""
        known = {
            key: node.clock_offset for key, node in self._by_key.items() if node.clock_offset is not None
        }
        new = any(self._offsets.get(key) != offset for key, offset in known.items())
        self._offsets |= known
        return new

    def _described(self, layout: Layout, sampling: str) -> Layout:
        """A layout with what we know besides: clocks, and how figures come."""
        assert self.known is not None
        members = dict(layout.members)
        for key, place in self.known.places.items():
            if key in self._offsets:
                members[place.name] = replace(members[place.name], clock_offset=self._offsets[key])
        return replace(layout, members=members, sampling=sampling)

    # -- how each is doing --------------------------------------------------------------------------

    @property
    def reads(self) -> bool:
        """Whether some server's figures have to come from the reader."""
        if self.known is None or self.target.sampling is Sampling.DIRECT:
            return False
        if len(self._by_key) < len(self.known.places):
            return True
        return any(node.server().status in _OUT_OF_REACH for node in self._by_key.values())

    def _answering(self, key: Key) -> bool:
        node = self._by_key.get(key)
        return node is not None and node.server().status.answers

    def read(self, samples: Mapping[Key, Sample], direct: Iterable[str]) -> dict[str, Sample]:
        """Samples by name of those that the reader is needed for; `direct` names have one of their own."""
        assert self.known is not None
        now, taken = elapsed(), set(direct)
        found = {}
        for key, sample in samples.items():
            self._read_at[key] = now
            place = self.known.places.get(key)
            if place is not None and place.name not in taken and not self._answering(key):
                found[place.name] = sample
        return found

    def unknown(self, samples: Mapping[Key, Sample]) -> bool:
        """Whether there are figures of servers that have not been discovered."""
        return self.known is not None and not samples.keys() <= self.known.places.keys()

    def servers(self) -> tuple[Server, ...]:
        """All of them at this moment, by zone and address; the given endpoints until the cluster told."""
        if self.known is None:
            if self.nodes:
                return tuple(node.server() for node in self.nodes)
            status, detail = self.trouble
            return tuple(_waiting(each, status, detail) for each in self.target.endpoints)
        reads = self.reads
        found = [
            self._server(place, self._by_key.get(key), reads=reads)
            for key, place in self.known.places.items()
        ]
        alone = [node.server() for node in self.nodes if node.known and not node.clustered]
        return (*found, *alone)

    def _server(self, place: Place, node: Node | None, *, reads: bool) -> Server:
        assert self.known is not None
        member = self.known.layout.members[place.name]
        says = f"the cluster calls it {member.state}" if member.state not in ("", "ACTIVE") else ""
        tenants = self._tenants.get(place.name, ())
        own = None if node is None else node.server()
        if own is not None and own.status.answers:
            zone = place.endpoint.zone
            return replace(own, detail=_joined(own.detail, says), tenants=tenants, zone=zone)
        if own is None:
            own = Server(place.name, place.endpoint.address, place.endpoint.zone, Status.CONNECTING)
        if not reads:
            return replace(own, detail=_joined(own.detail, says), tenants=tenants)
        status, detail = self._read_status(place.key, own)
        read_at = self._read_at.get(place.key)
        return Server(
            name=own.name,
            address=own.address,
            zone=place.endpoint.zone,
            status=status,
            detail=_joined(detail, says),
            product=own.product or self.reader.product,
            role="rootserver" if member.rootserver else own.role,
            uptime=None if place.started is None or not status.answers else self._uptime(place.started),
            latency=self.reader.latency,
            age=None if read_at is None else elapsed() - read_at,
            tenants=tenants,
        )

    def _read_status(self, key: Key, own: Server) -> tuple[Status, str]:
        """How a server does that does not answer us itself, as the reader sees it."""
        reader = self.reader
        if reader.status is Status.CONNECTING:
            return own.status, own.detail
        if not reader.status.answers:
            return reader.status, reader.detail
        if key in reader.left_out:
            hung = own.detail or "it does not answer, and would hold up the figures of all"
            return Status.UNREACHABLE, f"{hung}: left out until it does"
        if not reader.saw(key):
            return Status.UNREACHABLE, own.detail or "the cluster's views have no rows of it"
        if reader.waiting > SLOW_AFTER:
            return Status.SLOW, f"no answer for {reader.waiting:.1f} s through {reader.via}"
        tried = f"not reached itself ({own.detail}), figures through {reader.via}" if own.detail else ""
        return reader.status, _joined(reader.detail, tried)

    def _uptime(self, started: float) -> float:
        """By the clock of the cluster, which may differ from ours."""
        assert self.known is not None
        return max(0.0, time.time() + (self.known.answers.offset or 0.0) - started)

    def close(self) -> None:
        """Release everything without waiting."""
        for node in self.nodes:
            node.close()
        self.reader.close()


def _tenants_by_server(known: Known) -> dict[str, tuple[Tenant, ...]]:
    """Those with a unit there; all of them where nobody tells of units."""
    if not known.layout.units:
        return {place.name: known.tenants for place in known.places.values()}
    there: dict[str, set[str]] = {}
    for unit in known.layout.units:
        there.setdefault(unit.server, set()).add(unit.tenant)
    return {
        name: tuple(tenant for tenant in known.tenants if tenant.name in titles)
        for name, titles in there.items()
    }


def _waiting(endpoint: Endpoint, status: Status, detail: str) -> Server:
    name = endpoint.name or endpoint.address
    return Server(name, endpoint.address, endpoint.zone or "zone", status, detail)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
