"""A stand-in for tpcc_start, which is in no package: its options and its output, as its source has them.

It logs in the same way (socket, user, no password), so that the way to the server is the real one; the
transactions it claims are made up.
"""

from __future__ import annotations

import asyncio
import getopt
import sys
import time

import asyncmy

given = dict(getopt.getopt(sys.argv[1:], "h:P:d:u:p:w:c:r:l:i:f:t:m:o:S:")[0])
print("***************************************")
print("*** ###easy### TPC-C Load Generator ***")
print("***************************************")
for letter, value in given.items():
    print(f"option {letter[1:]} with value '{value}'")
print("<Parameters>")
print(f"     [server]: {given['-h']}")
print("     [port]: 3306")
print(f"     [DBname]: {given['-d']}")
print(f"       [user]: {given['-u']}")
print(f"       [pass]: {given.get('-p', '')}")
print(f"  [warehouse]: {given['-w']}")
print(f" [connection]: {given['-c']}")
print(f"     [rampup]: {given['-r']} (sec.)")
print(f"    [measure]: {given['-l']} (sec.)")


async def log_in() -> int:
    """The warehouses; the program's own way of saying that it cannot."""
    assert given["-h"] == "localhost"
    account = {"user": given["-u"], "password": given.get("-p", ""), "database": given["-d"]}
    try:
        async with (
            asyncmy.connect(unix_socket=given["-S"], **account) as connection,
            connection.cursor() as cursor,
        ):
            await cursor.execute("SELECT COUNT(*) FROM warehouse")
            [(count,)] = await cursor.fetchall()
            return int(count)
    except asyncmy.errors.MySQLError as error:
        code, words = error.args
        print(f"error at thread_main\n{code}, HY000, {words}", file=sys.stderr)
        sys.exit(1)


if asyncio.run(log_in()) != int(given["-w"]):
    sys.exit(3)
print(f"\nRAMP-UP TIME.({given['-r']} sec.)")
print("\nMEASURING START.\n", flush=True)
threads, step = int(given["-c"]), int(given["-i"])
for second in range(step, int(given["-l"]) + 1, step):
    time.sleep(step)
    if second == 2 * step:
        print(
            "neword 0:87\n1213, 40001, Deadlock found; try restarting transaction",
            file=sys.stderr,
            flush=True,
        )
    o, e = 100 * threads * step, 10 * threads * step
    print(f"{second:4d}, trx: {o}, 95%: {4.5 * threads:.3f}, 99%: 18.738, max_rt: 213.169, "
          f"{o}|98.778, {e}|1.096, {e}|43.955, {e}|67.842", flush=True)  # fmt: skip
