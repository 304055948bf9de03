"""Who keeps whom waiting for a lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from distdiag_tui.service.facts.ask import SHOWN, WIDTH, Answer, Question, Server, span, text

_LOCKS: Final = "GV$OB_LOCKS"
_PROCESSLIST: Final = "GV$OB_PROCESSLIST"
_PARTICIPANTS: Final = "GV$OB_TRANSACTION_PARTICIPANTS"
_MOST: Final = 500  # waits that are looked at


@dataclass(frozen=True, slots=True)
class Wait:
    """A transaction that waits for another one's lock, for so many seconds."""

    waiter: int
    holder: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Session:
    """Whose a transaction is, and what it does."""

    id: int
    user: str
    asleep: bool
    seconds: float
    statement: str


def roots(waits: Iterable[Wait]) -> dict[int, list[Wait]]:
    """All waits by the transaction that they come from in the end, those that most wait for first.

    >>> roots([Wait(2, 1, 9.0), Wait(3, 2, 5.0), Wait(5, 4, 1.0)])[1]
    [Wait(waiter=2, holder=1, seconds=9.0), Wait(waiter=3, holder=2, seconds=5.0)]
    """
    waits = list(waits)
    holders = {wait.waiter: wait.holder for wait in waits}
    found: dict[int, list[Wait]] = {}
    for wait in waits:
        root, seen = wait.holder, {wait.waiter}
        while root in holders and root not in seen:  # a deadlock has no root: any of it will do
            seen.add(root)
            root = holders[root]
        found.setdefault(root, []).append(wait)
    return dict(sorted(found.items(), key=lambda each: -len(each[1])))


async def _blockers(server: Server) -> Answer:
    rows = await server.rows(
        f"trans_id, id1, ctime / 1e6 from oceanbase.{_LOCKS} where {server.here(_LOCKS)} and block = 1"
        f" order by ctime desc limit {_MOST}"
    )
    by_root = roots(Wait(int(waiter), int(holder), float(waited)) for waiter, holder, waited in rows)
    shown = dict(list(by_root.items())[:SHOWN])
    longest = {root: max(waits, key=lambda wait: wait.seconds) for root, waits in shown.items()}
    sessions = await _sessions_of(server, {*shown, *(wait.waiter for wait in longest.values())})
    table = tuple(_row(root, waits, longest[root], sessions) for root, waits in shown.items())
    says = f"{table[0][0]} keeps {table[0][2]} waiting, {table[0][1]}" if table else ""
    return Answer(("holder", "which is", "waiting", "longest", "that waits for longest"), table, says)


def _row(
    root: int, waits: list[Wait], longest: Wait, sessions: Mapping[int, Session]
) -> tuple[str, str, str, str, str]:
    holder, waiter = sessions.get(root), sessions.get(longest.waiter)
    if holder is None:
        who, doing = f"transaction {root}", "of no session that is still there"
    else:
        who = f"session {holder.id} of {holder.user}"
        asleep = f"idle in its transaction for {span(holder.seconds)}"
        doing = asleep if holder.asleep else f"at work for {span(holder.seconds)}: {holder.statement}"
    waiting = str(len({wait.waiter for wait in waits}))
    wants = f"transaction {longest.waiter}" if waiter is None else f"session {waiter.id}: {waiter.statement}"
    return who, doing, waiting, span(longest.seconds), wants


async def _sessions_of(server: Server, transactions: set[int]) -> dict[int, Session]:
    """By transaction, wherever in the cluster they are."""
    if not transactions:
        return {}
    listed = ", ".join(map(str, sorted(transactions)))
    found = await server.rows(
        f"trans_id, id, user, user_client_ip, command = 'Sleep', time, substr(info, 1, {WIDTH})"
        f" from oceanbase.{_PROCESSLIST} where trans_id in ({listed})"
    )
    missing = transactions - {int(row[0]) for row in found}
    if missing and server.has(_PARTICIPANTS):
        listed = ", ".join(map(str, sorted(missing)))
        found += await server.rows(
            "p.tx_id, s.id, s.user, s.user_client_ip, s.command = 'Sleep', s.time,"
            f" substr(s.info, 1, {WIDTH}) from oceanbase.{_PARTICIPANTS} p"
            f" join oceanbase.{_PROCESSLIST} s on s.id = p.session_id"
            f" where p.tx_id in ({listed}) and p.session_id > 1"
        )
    return {
        int(trans): Session(int(number), f"{text(user)}@{text(address)}", bool(asleep), float(seconds),
                            text(statement))
        for trans, number, user, address, asleep, seconds, statement in found
    }  # fmt: skip


BLOCKERS: Final = Question("Who keeps whom waiting", (_LOCKS, _PROCESSLIST), _blockers, (_PARTICIPANTS,))
