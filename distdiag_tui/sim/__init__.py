"""A stand-in for an OceanBase cluster: it speaks MySQL and answers the console's real SQL.

A test double for shape and scale, never a database: rows come from a small model of load, and nothing can be
stored. It knows the views of 4.2.1, 4.2.5, 4.3.3 and 4.3.5 with their columns and types, and refuses what
those would refuse. Each server has an address of its own on the loopback net (127.ZONE.x.y, one SQL port).

In a test (`Sim` in `sim.sim`, `Shape` in `sim.shape`; needs the extra `sim`):

    async with Sim(Shape(zones=3, servers=6, tenants=2), seed=1) as sim:
        target = sim.target()           # root@sys on the first server; sim.target("root@t1") for a tenant
        await sim.stop_server("z1s2")   # its port refuses, its rows vanish, its leaders move

`Sim.servers`, `.zones` and `.tenants` list names; servers are z1s1, z1s2, z2s1, ... `Sim.endpoint(server)`
is an address, `Sim.target(user, server)` a way to connect, with `obproxy=True` through OBProxy (`Sim(...,
obproxy=0)`). Accounts are root and monitor, in every tenant, with one password, `Sim.password`. `Sim.asked`
holds the views that were asked for rows, `Sim.refused` the statements that got an error. What can be done
to it, also from a script: stop_server, start_server, add_server, delete_server, slow_server, garble_server,
heal_server, skew_clock, spoil, symptom, move_leaders, migrate_unit, stop_zone, start_zone, route, deny,
expire_password.

DuckDB is not OceanBase: it is freer with types, and functions are those of `dialect.FUNCTIONS`. CDB_OBJECTS
and DBA_OBJECTS are not there, nor any table of mysql. Real behaviour is tested on the lab.
"""
