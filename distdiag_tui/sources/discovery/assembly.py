"""From the rows of a cluster's views to places and a layout: pure functions over what was answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from distdiag_tui.model.target import Endpoint
from distdiag_tui.model.topology import Layout, Member, Merge, Share, Tenant, TenantFacts, Unit, Zone
from distdiag_tui.sources.discovery.known import Answers, Given, Key, Known, Place, Table
from distdiag_tui.sources.discovery.parts import CPU_TIME, LOCATIONS, MEMORY_USED
from distdiag_tui.sources.discovery.values import integer, key_of, moment, number, words, yes

_TELLING: Final = ("servers", "resources", "use", "ports", "usage")  # parts that name servers, best first
_SHORTEST_SPAN: Final = 0.5  # s between two looks, for a rate of CPU time


class _Use:
    """What tenants use of servers: by tenant id and server, CPU in cores, memory in bytes."""

    def __init__(self, cpu: Mapping[tuple[int, Key], float], memory: Mapping[tuple[int, Key], float]) -> None:
        self.cpu = cpu
        self.memory = memory
        self._cpu = _sums(cpu)
        self._memory = _sums(memory)

    def server(self, key: Key) -> tuple[float | None, float | None]:
        """The sums over all tenants; None where nothing is known."""
        return self._cpu.get(key), self._memory.get(key)


def _sums(parts: Mapping[tuple[int, Key], float]) -> dict[Key, float]:
    found: dict[Key, float] = {}
    for (_, key), value in parts.items():
        found[key] = found.get(key, 0.0) + value
    return found


def assemble(answers: Answers, given: Given | None = None, before: Known | None = None) -> Known:
    """What the answers say; `before`: what was known at the last look, for rates and servers now down."""
    places = {place.key: place for place in _places(answers, given or Given(), before)}
    names = {key: place.name for key, place in places.items()}
    tenants = dict(_tenants(answers))
    leaders = _leaders(answers, names)
    led: dict[int, Counter[str]] = {}
    for (tenant, _), server in leaders.items():
        led.setdefault(tenant, Counter())[server] += 1
    cpu, use = _usage(answers, before)
    title = {each: facts.name for each, facts in tenants.items()}
    layout = Layout(
        zones=tuple(_zones(answers, places)),
        members=_members(answers, places, use, leaders, before),
        tenants=tuple(replace(facts, leaders=dict(led.get(each, {}))) for each, facts in tenants.items()),
        units=tuple(_units(answers, names, title, use)),
        tenant="" if answers.tenant == 1 else title.get(answers.tenant, str(answers.tenant)),
        missing=answers.missing,
    )
    listed = tuple(Tenant(each, facts.name) for each, facts in tenants.items() if facts.kind != "META")
    return Known(places, layout, answers, leaders, cpu, listed)


def _table(answers: Answers, part: str) -> Table:
    return answers.parts.get(part, [])


def _places(answers: Answers, given: Given, before: Known | None) -> Iterator[Place]:
    """Servers in the order of zone and address. The first part that names any says which there are."""
    kept = _kept(answers, before)
    ports: dict[Key, int] = {}
    zones = {key: place.endpoint.zone for key, place in kept.items()}
    for part in reversed(_TELLING):
        for row in _table(answers, part):
            if (key := key_of(row)) is not None:
                ports[key] = integer(row, "SQL_PORT") or ports.get(key, 0)
                zones[key] = words(row, "ZONE") or zones.get(key, "")
    started = {key_of(row): moment(row, "START_SERVICE_TIME") for row in _table(answers, "servers")}
    telling = next((part for part in _TELLING if _table(answers, part)), "servers")
    keys = _keys(answers, telling)
    if telling != "servers":  # views of servers that answer; locations also name those that are down
        keys |= _keys(answers, "ports")
    for key in sorted(keys | kept.keys(), key=lambda each: (zones[each], _sortable(each))):
        if key not in keys:
            yield kept[key]
            continue
        address, port = key
        named = given.of(key, ports[key])
        at = named or Endpoint(address, ports[key] or port)
        endpoint = Endpoint(at.host, at.port, at.name, at.zone or zones[key] or "zone")
        yield Place(key, endpoint, started.get(key), direct=named is not None or ports[key] > 0)


def _kept(answers: Answers, before: Known | None) -> Mapping[Key, Place]:
    """Servers that stay known though no row names them: where nothing lists those that are down as well."""
    listed = _table(answers, "servers") or answers.views.get("ports") == LOCATIONS
    return {} if before is None or listed else before.places


def _keys(answers: Answers, part: str) -> set[Key]:
    return {key for row in _table(answers, part) if (key := key_of(row)) is not None}


def _sortable(key: Key) -> tuple[object, ...]:
    """10.0.0.9 comes before 10.0.0.10."""
    address, port = key
    return (
        *((0, int(part), "") if part.isdigit() else (1, 0, part) for part in address.split(".")),
        (0, port, ""),
    )


def _zones(answers: Answers, places: Mapping[Key, Place]) -> Iterator[Zone]:
    regions = {words(row, "ZONE"): words(row, "REGION") for row in _table(answers, "use")}
    told = {words(row, "ZONE"): row for row in _table(answers, "zones") if words(row, "ZONE")}
    for name, row in told.items():
        yield Zone(name, words(row, "STATUS"), words(row, "REGION"), words(row, "IDC"))
    for name in dict.fromkeys(place.endpoint.zone for place in places.values()):
        if name not in told:
            yield Zone(name, region=regions.get(name, ""))


def _members(
    answers: Answers,
    places: Mapping[Key, Place],
    use: _Use,
    leaders: Mapping[tuple[int, int], str],
    before: Known | None,
) -> dict[str, Member]:
    servers = {key_of(row): row for row in _table(answers, "servers")}
    resources = {key_of(row): row for row in _table(answers, "resources")}
    counts = Counter(leaders.values())
    open_ones: dict[Key | None, list[Mapping[str, object]]] = {}
    for row in _table(answers, "transactions"):
        open_ones.setdefault(key_of(row), []).append(row)
    found = {}
    for key, place in places.items():
        row = servers.get(key, {})
        found[place.name] = Member(
            server=place.name,
            zone=place.endpoint.zone,
            state=words(row, "STATUS"),
            version=words(row, "BUILD_VERSION"),
            started=place.started,
            stopped=moment(row, "STOP_TIME") is not None,
            rootserver=yes(row, "WITH_ROOTSERVER"),
            leaders=counts[place.name] if "leaders" in answers.views else None,
            rpc=Endpoint(*key).address,
            shares=server_shares(resources.get(key, {}), *use.server(key)),
            oldest_transaction=oldest(open_ones.get(key, ())),
        )
    if before is not None and "transactions" not in answers.views:  # not told this time: as it was
        for name, was in before.layout.members.items():
            if name in found:
                found[name] = replace(found[name], oldest_transaction=was.oldest_transaction)
    return found


def server_shares(row: Mapping[str, object], cpu: float | None, memory: float | None) -> dict[str, Share]:
    shares = {
        "cpu": Share(cpu, number(row, "CPU_ASSIGNED"), number(row, "CPU_CAPACITY")),
        "memory": Share(memory, number(row, "MEM_ASSIGNED"), number(row, "MEM_CAPACITY")),
    }
    for name in ("log_disk", "data_disk"):
        shares[name] = Share(
            *(number(row, f"{name.upper()}_{what}") for what in ("IN_USE", "ASSIGNED", "CAPACITY"))
        )
    return {name: share for name, share in shares.items() if share != Share()}


def _tenants(answers: Answers) -> Iterator[tuple[int, TenantFacts]]:
    merges = {
        integer(row, "TENANT_ID") or answers.tenant: merge_of(row) for row in _table(answers, "compaction")
    }
    for row in _table(answers, "tenants"):
        tenant, name = integer(row, "TENANT_ID"), words(row, "TENANT_NAME")
        if tenant is not None and name:
            yield (
                tenant,
                TenantFacts(
                    tenant,
                    name,
                    words(row, "TENANT_TYPE"),
                    words(row, "TENANT_ROLE"),
                    words(row, "STATUS"),
                    words(row, "PRIMARY_ZONE"),
                    words(row, "LOCALITY"),
                    merges.get(tenant, Merge()),
                ),
            )


def merge_of(row: Mapping[str, object]) -> Merge:
    """A major compaction: what is wrong with it comes first."""
    state = words(row, "STATUS")
    since = None if state == "IDLE" else moment(row, "START_TIME")
    if yes(row, "IS_ERROR"):
        state = "ERROR"
    elif yes(row, "IS_SUSPENDED"):
        state = "SUSPENDED"
    return Merge(state, since)


def oldest(rows: Iterable[Mapping[str, object]]) -> float | None:
    """When the oldest of these transactions began (epoch s); None without any."""
    return min((begun for row in rows if (begun := moment(row, "CTX_CREATE_TIME")) is not None), default=None)


def _leaders(answers: Answers, names: Mapping[Key, str]) -> dict[tuple[int, int], str]:
    """Server by tenant id and log stream; where two say they lead, the one elected later does."""
    found: dict[tuple[int, int], tuple[int, str]] = {}
    for row in _table(answers, "leaders"):
        key, stream = key_of(row), integer(row, "LS_ID")
        if key is None or key not in names or stream is None:
            continue
        led = integer(row, "TENANT_ID") or answers.tenant, stream
        claim = integer(row, "PROPOSAL_ID") or 0, names[key]
        found[led] = max(claim, found.get(led, claim))
    return {led: server for led, (_, server) in found.items()}


def _units(
    answers: Answers, names: Mapping[Key, str], titles: Mapping[int, str], use: _Use
) -> Iterator[Unit]:
    """Placement as the cluster keeps it, with what is in use there; from the latter alone if need be."""
    pools = {integer(row, "RESOURCE_POOL_ID"): words(row, "NAME") for row in _table(answers, "pools")}
    used = {(integer(row, "UNIT_ID"), key_of(row)): row for row in _table(answers, "use")}
    seen: set[int] = set()
    for row in _table(answers, "units") or _table(answers, "use"):
        unit, key = integer(row, "UNIT_ID"), key_of(row)
        if unit is None or key is None or unit in seen:
            continue
        seen.add(unit)
        tenant = integer(row, "TENANT_ID")
        whose = -1 if tenant is None else tenant, key
        source = key_of(row, "MIGRATE_FROM_")
        there = used.get((unit, key), {})
        yield Unit(
            unit,
            "" if tenant is None else titles.get(tenant, str(tenant)),
            words(row, "ZONE"),
            names.get(key, Endpoint(*key).address),
            words(row, "STATUS"),
            "" if source is None else names.get(source, Endpoint(*source).address),
            pools.get(integer(row, "RESOURCE_POOL_ID"), ""),
            unit_shares({**there, **row}, there, use.cpu.get(whose), use.memory.get(whose)),
        )


def unit_shares(
    row: Mapping[str, object], used: Mapping[str, object], cpu: float | None, memory: float | None
) -> dict[str, Share]:
    """Limits of a row of a unit, with what is in use: CPU in cores and memory in bytes as measured."""
    shares = {
        "cpu": Share(cpu, limit=number(row, "MAX_CPU")),
        "memory": Share(memory, limit=number(row, "MEMORY_SIZE")),
        "log_disk": Share(number(used, "LOG_DISK_IN_USE"), limit=number(row, "LOG_DISK_SIZE")),
        # 0: there is no limit of its own
        "data_disk": Share(number(used, "DATA_DISK_IN_USE"), limit=number(row, "DATA_DISK_SIZE") or None),
    }
    return {name: share for name, share in shares.items() if share != Share()}


def _usage(answers: Answers, before: Known | None) -> tuple[dict[tuple[int, Key], float], _Use]:
    """CPU time now, and what is in use: CPU as the rate since the look before."""
    cpu: dict[tuple[int, Key], float] = {}
    memory: dict[tuple[int, Key], float] = {}
    for row in _table(answers, "usage"):
        tenant, key, value = integer(row, "CON_ID"), key_of(row), number(row, "VALUE")
        if tenant is not None and key is not None and value is not None:
            table = {CPU_TIME: cpu, MEMORY_USED: memory}.get(integer(row, "STAT_ID") or 0)
            if table is not None:
                table[tenant, key] = value
    rates = {}
    if before is not None and (seconds := answers.at - before.answers.at) >= _SHORTEST_SPAN:
        for whose, micros in cpu.items():
            if (grown := micros - before.cpu.get(whose, micros + 1)) >= 0:
                rates[whose] = grown / 1e6 / seconds
    return cpu, _Use(rates, memory)
