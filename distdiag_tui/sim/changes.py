"""How the cluster changes: servers come and go, leaders move, units migrate. All of it is written down."""

from __future__ import annotations

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.sim.world import Happening, LogStream, Server, Unit, World, Zone


def lose(world: World, server: Server, now: float) -> None:
    """A server is gone from one moment to the next; its leaders are elected elsewhere."""
    server.alive, server.status, server.offline_since = False, "INACTIVE", now
    _by_root(world, now, "SERVER", "last_offline_time set", server=_address(server))
    for stream in world.streams:
        if stream.leader is server:
            _elect(world, stream, now)


def regain(world: World, server: Server, now: float) -> None:
    """It is back; log streams that had no majority get a leader again."""
    server.alive, server.status, server.offline_since, server.started = True, "ACTIVE", None, now
    _by_root(world, now, "SERVER", "online", server=_address(server))
    for stream in world.streams:
        if not stream.leader.counted:
            _elect(world, stream, now)


def add(world: World, zone: Zone, now: float) -> Server:
    """A new server, without units as yet."""
    server = world.new_server(zone, now)
    server.started = now
    _by_root(world, now, "SERVER", "add_server", server=_address(server), zone=zone.name)
    return server


def delete(world: World, server: Server, now: float, seconds: float) -> None:
    """Its units move to servers of its zone that have none of the tenant; then it is gone."""
    server.status, world.unsettled = "DELETING", True
    _by_root(world, now, "SERVER", "delete_server", server=_address(server))
    for unit in [each for each in world.units if each.server is server]:
        for other in world.servers:
            if (
                other.zone == server.zone
                and other.counted
                and other.status == "ACTIVE"
                and _free(world, unit, other)
            ):
                migrate(world, unit, other, now, seconds)
                break


def migrate(world: World, unit: Unit, target: Server, now: float, seconds: float) -> None:
    """Move a unit within its zone, which takes some seconds. ConfigError if it cannot be there."""
    if target.zone != unit.zone:
        raise ConfigError(f"a unit of {unit.zone} cannot move to {target.name}, which is in {target.zone}")
    if not _free(world, unit, target):
        raise ConfigError(f"{target.name} has a unit of tenant {unit.tenant.name} already")
    unit.source, unit.server, unit.moved = unit.server, target, now + seconds
    world.unsettled = True
    _by_root(
        world, now, "UNIT", "migrate_unit", unit_id=str(unit.id), migrate_from_server=_address(unit.source),
        server=_address(target), tenant_id=str(unit.tenant.id),
    )  # fmt: skip


def settle(world: World, now: float) -> None:
    """Finish what takes its time: units that have arrived, and servers that have nothing left to lose."""
    if not world.unsettled:
        return
    world.unsettled = False
    for unit in world.units:
        if unit.source is not None and unit.moved <= now:
            _arrive(world, unit, now)
        world.unsettled = world.unsettled or unit.source is not None
    for server in world.servers:
        if (
            server.status == "DELETING"
            and not server.gone
            and not any(_is_on(unit, server) for unit in world.units)
        ):
            server.gone = True
            _by_root(world, now, "SERVER", "finish_delete_server", server=_address(server))


def move_leaders(world: World, source: Server, target: Server | None, now: float) -> int:
    """Leaders of a server go to the target where it has a replica, or without one to any; how many did."""
    moved = 0
    for stream in world.streams:
        if stream.leader is not source:
            continue
        others = [each for each in stream.replicas.values() if each is not source and each.counted]
        chosen = [each for each in others if target is None or each is target]
        if chosen:
            _lead(world, stream, chosen[stream.id % len(chosen)], now)
            moved += 1
    return moved


def stop_zone(world: World, zone: Zone, now: float) -> None:
    """No leaders in a zone that is stopped; its servers go on answering."""
    zone.status, zone.changed = "INACTIVE", now
    _by_root(world, now, "ZONE", "stop_zone", zone=zone.name)
    for stream in world.streams:
        if stream.leader.zone == zone.name:
            _elect(world, stream, now)


def start_zone(world: World, zone: Zone, now: float) -> None:
    """Leaders come back with the next move only, as after a primary zone RANDOM's rest."""
    zone.status, zone.changed = "ACTIVE", now
    _by_root(world, now, "ZONE", "start_zone", zone=zone.name)


def _is_on(unit: Unit, server: Server) -> bool:
    return unit.server is server or unit.source is server


def _free(world: World, unit: Unit, server: Server) -> bool:
    return not any(each.tenant is unit.tenant and _is_on(each, server) for each in world.units)


def _arrive(world: World, unit: Unit, now: float) -> None:
    source, unit.source = unit.source, None
    assert source is not None
    _by_root(world, now, "UNIT", "finish_migrate_unit", unit_id=str(unit.id), server=_address(unit.server))
    owned = (
        (unit.tenant, world.tenants[unit.tenant.index - 1]) if unit.tenant.kind == "USER" else (unit.tenant,)
    )
    for stream in world.streams:
        if stream.tenant in owned and stream.group == unit.group:
            stream.replicas[unit.zone] = unit.server
            if stream.leader is source:
                _lead(world, stream, unit.server, now)


def _elect(world: World, stream: LogStream, now: float) -> None:
    """A leader in a zone that is active, if most replicas answer."""
    active = {zone.name for zone in world.zones if zone.status == "ACTIVE"}
    living = [each for each in stream.replicas.values() if each.counted]
    able = [each for each in living if each.zone in active]
    if able and len(living) * 2 > len(stream.replicas):
        _lead(world, stream, able[stream.id % len(able)], now)


def _lead(world: World, stream: LogStream, server: Server, now: float) -> None:
    old, stream.leader, stream.changed = stream.leader, server, now
    stream.proposal += 1
    facts = {
        "tenant_id": str(stream.tenant.id),
        "ls_id": str(stream.id),
        "old_leader": _address(old),
        "new_leader": _address(server),
    }
    world.history.append(Happening(now, "ELECTION", "leader changed", tuple(facts.items()), server))


def _by_root(world: World, now: float, module: str, event: str, **facts: str) -> None:
    world.history.append(Happening(now, module, event, tuple(facts.items())))


def _address(server: Server) -> str:
    return f'"{server.ip}:{server.rpc_port}"'
