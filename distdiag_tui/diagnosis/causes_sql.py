"""Causes that come with the statements and sessions of clients."""

from __future__ import annotations

from typing import Final

from distdiag_tui.diagnosis.cause import Cause, Obdiag
from distdiag_tui.diagnosis.looks import (
    ACTIVE,
    CACHES,
    CHECK,
    CLIENTS,
    COMMANDS,
    COMPACTING,
    CPU,
    DISK_READERS,
    IDLE_IN_TRANSACTION,
    INDEXES,
    IO,
    LOCK_HOLDERS,
    LOCK_WAITS,
    MAJOR,
    MAJOR_ALL,
    MEMORY,
    MEMSTORE,
    PARAMETERS,
    PLAN_CACHE,
    SCANS,
    SESSIONS,
    STATISTICS,
    TOP_SQL,
    TRANSACTIONS,
    WRITERS,
    gather,
    scene,
)

SQL_CAUSES: Final[tuple[Cause, ...]] = (
    Cause(
        "cpu_hog_sql",
        "CPU-hungry SQL",
        "A few statements, such as heavy joins or aggregations, use most of the server's CPU. Everybody else"
        " gets less of it.",
        check=(
            "Which statement has most of the execution time, and whose is it?",
            "Is it new, or did its plan change (a dropped index, old statistics)?",
            "Does it run more often than it should, or in parallel with itself?",
        ),
        act=(
            "Ask its owner to stop it, or end its session: KILL QUERY <session id>.",
            "Look at its plan with EXPLAIN; add the index or the join condition that it lacks.",
            "Hold it back: limit its user's tenant unit, or run it at another time.",
        ),
        looks=(TOP_SQL, ACTIVE, CPU),
        facts=("top_sql", "active", "sessions"),
        obdiag=(
            gather("topsql", "gather the top statements of the last ten minutes"),
            gather("cpu_high", "gather stacks, a CPU profile and the log"),
        ),
    ),
    Cause(
        "slow_sql",
        "Slow SQL",
        "Statements read far more rows than they return, as with a full scan or a pattern that no index helps"
        " with. They take CPU, cache and disk from others.",
        check=(
            "Which statement reads many rows and returns few?",
            "Is the index that it should use there, and does EXPLAIN use it?",
            "Did the table grow, or were its statistics not gathered for long?",
        ),
        act=(
            "Add the index that fits its condition, or change the condition so that one fits.",
            "End it if it is in the way: KILL QUERY <session id>.",
            "Gather statistics anew if the estimated rows of EXPLAIN are far off.",
        ),
        looks=(SCANS, TOP_SQL, ACTIVE),
        facts=("top_sql", "active", "sessions"),
        obdiag=(gather("topsql", "gather the top statements of the last ten minutes"),),
    ),
    Cause(
        "lock_contention",
        "Lock contention",
        "Sessions wait for rows that another transaction has locked. Those that wait are victims: the one"
        " that holds the locks is the cause, often idle in its transaction.",
        check=(
            "Which session holds the locks, and is it at work or asleep?",
            "What did it do in its transaction, and which client is it?",
            "Do many want the same rows (a counter, a status row)?",
        ),
        act=(
            "Let the holder commit or roll back; if nobody can, end it: KILL <session id>.",
            "Make its transactions shorter: no waiting for people or other systems inside of one.",
            "Bound the waiting: ob_trx_lock_timeout for sessions, ob_trx_idle_timeout for idle transactions.",
        ),
        looks=(LOCK_HOLDERS, LOCK_WAITS, IDLE_IN_TRANSACTION),
        facts=("blockers", "sessions", "transactions"),
        obdiag=(scene("lock_conflict", "name the sessions that hold and wait for locks"),),
    ),
    Cause(
        "long_transaction",
        "Long transaction",
        "A transaction is open for much longer than usual. It keeps its locks, keeps its memory from being"
        " freed and old versions from being merged away.",
        check=(
            "Whose is it, and is its session asleep?",
            "How much has it written?",
            "Does somebody wait for its locks?",
        ),
        act=(
            "Let it commit or roll back; if nobody can, end its session: KILL <session id>.",
            "Break batch jobs into transactions of some thousand rows.",
            "Set ob_trx_idle_timeout and ob_trx_timeout to what the application needs.",
        ),
        looks=(TRANSACTIONS, IDLE_IN_TRANSACTION, LOCK_HOLDERS),
        facts=("transactions", "blockers", "sessions"),
        obdiag=(
            gather("long_transaction", "gather transactions, memstore and the log"),
            gather("suspend_transaction", "gather what is needed on transactions that do not end"),
        ),
    ),
    Cause(
        "memstore_full",
        "Memstore full",
        "Writes come faster than they are flushed, or a large open transaction cannot be. Near its limit"
        " writes are throttled, at the limit they fail.",
        check=(
            "Which tenant is it, and how far is it from its limit?",
            "Is a large or long transaction open?",
            "Does flushing get on, or do compactions fail, or is the disk slow or full?",
        ),
        act=(
            "Let the large transaction end, or end its session: KILL <session id>.",
            "Flush at once: ALTER SYSTEM MINOR FREEZE.",
            "Slow the import down, or give the tenant more memory.",
        ),
        looks=(MEMSTORE, TRANSACTIONS, WRITERS, PARAMETERS),
        facts=("memstore", "transactions", "top_sql", "compaction"),
        obdiag=(
            scene("freeze_dump", "look into freezes and flushes that do not get on"),
            scene("memory_full", "look into memory that ran out"),
            gather("memory", "gather the state of memory and the log"),
        ),
    ),
    Cause(
        "too_many_indexes",
        "Too many indexes",
        "Tables that are written to have more indexes than they need: each write changes every one of them.",
        check=(
            "Were indexes created of late, and by whom?",
            "Which tables have many, and which of their indexes does nothing use?",
        ),
        act=(
            "Drop those that nothing uses, one at a time.",
            "Build indexes on hot tables when there is little load.",
        ),
        looks=(INDEXES, COMMANDS, WRITERS),
        facts=("changed", "indexes", "commands", "top_sql"),
        obdiag=(CHECK,),
    ),
    Cause(
        "plan_cache_thrashing",
        "Plan cache thrashing",
        "Plans do not stay in the plan cache: statements are compiled again and again. It is flushed, too"
        " small for the many different statements, or invalidated by DDL or new statistics.",
        check=(
            "Does somebody flush it, or run DDL over and over, or were statistics gathered just now?",
            "Is it at its memory limit?",
            "Do statements come with literals in such a way that each is a statement of its own?",
        ),
        act=(
            "Stop what flushes it.",
            "Raise ob_plan_cache_percentage if it is full.",
            "Use parameters, and lists of constant length in IN (...).",
        ),
        looks=(PLAN_CACHE, STATISTICS, COMMANDS, TOP_SQL),
        facts=("plan_cache", "statistics", "commands", "changed", "top_sql"),
        obdiag=(Obdiag("gather the parameters of all servers", ("gather", "parameter")),),
    ),
    Cause(
        "cache_thrashing",
        "Caches thrashing",
        "Rows and blocks do not stay in the caches, so that reads go to disk. They are flushed, pushed out by"
        " large scans, or have too little memory.",
        check=(
            "Does somebody flush the caches?",
            "Does a large scan, an export or a merge read everything once?",
            "What else takes the tenant's memory?",
        ),
        act=(
            "Stop what flushes them.",
            "Move scans and exports to another replica or another time.",
            "Give the tenant more memory if it does not suffice for what is read all the time.",
        ),
        looks=(CACHES, DISK_READERS, COMMANDS, MEMORY),
        facts=("caches", "commands", "top_sql"),
        obdiag=(gather("memory", "gather the state of memory and the log"),),
    ),
    Cause(
        "connection_storm",
        "Connection storm",
        "Clients log in and out all the time, or many log in at once. Logins cost far more than statements,"
        " and others wait for theirs.",
        check=(
            "Which client, user and program is it?",
            "Has its connection pool been switched off, or does it restart over and over?",
            "Do its logins fail, and does it try again without a pause?",
        ),
        act=(
            "Have the client use a pool, with a limit and with pauses between attempts.",
            "Lock the account until then: ALTER USER <user> ACCOUNT LOCK.",
            "Bound it: max_user_connections for the account.",
        ),
        looks=(CLIENTS, SESSIONS, CPU),
        facts=("clients", "sessions"),
        obdiag=(scene("disconnection", "look into connections that broke, in the logs of OBProxy"),),
    ),
    Cause(
        "major_compaction",
        "Major compaction",
        "All data of the last day is merged, which reads and writes a lot. It is meant to happen when there"
        " is little load.",
        check=(
            "Was it started by its daily time, or by somebody?",
            "How much is left, and does it get on?",
        ),
        act=(
            "Wait: it ends by itself, and cannot be called off safely.",
            "Have it at another time: major_freeze_duty_time.",
            "Give it fewer threads: compaction_low_thread_score.",
        ),
        looks=(MAJOR, MAJOR_ALL, COMPACTING, COMMANDS, IO),
        facts=("compaction", "commands", "top_sql"),
        obdiag=(gather("compaction", "gather the state of compactions and the log"),),
    ),
)
