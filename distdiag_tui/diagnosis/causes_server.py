"""Causes that lie in the server, its machine, or the network between servers."""

from __future__ import annotations

from typing import Final

from distdiag_tui.diagnosis.cause import Cause, Obdiag
from distdiag_tui.diagnosis.looks import (
    ACTIVE,
    CHECK,
    CLOCK,
    COMPACTING,
    COMPACTION_TROUBLE,
    CPU,
    DISK,
    DISK_READERS,
    EVENTS,
    IO,
    LEADERS,
    LOG,
    LOG_ALL,
    MAJOR,
    MAJOR_ALL,
    PARAMETERS,
    QUEUE,
    RPC,
    SERVERS,
    SESSIONS,
    TOP_SQL,
    TRANSACTIONS,
    UNITS,
    WAITS,
    WRITERS,
    gather,
    scene,
)

_LOGS: Final = Obdiag("gather the observers' logs of the last half hour", ("gather", "log", "--since=30m"))

SERVER_CAUSES: Final[tuple[Cause, ...]] = (
    Cause(
        "cpu_saturation",
        "CPU saturated",
        "The server gets too little CPU for what it has to do: statements of every kind take longer."
        " Something else on the machine takes it, or there is simply too much load.",
        check=(
            "On the machine: top, vmstat 1. Is it the observer, or another process?",
            "In a virtual machine or container: is it held back (steal time, cpu.stat throttled)?",
            "Is there more load than usual?",
        ),
        act=(
            "End or move what takes the CPU; give the observer a limit that nobody else may touch.",
            "Move leaders to other servers: ALTER SYSTEM SWITCH REPLICA LEADER, or the tenant's primary zone."
            "",
            "Raise the tenant's unit if the load has grown for good.",
        ),
        looks=(CPU, QUEUE, TOP_SQL),
        facts=("top_sql", "active", "waits"),
        obdiag=(gather("cpu_high", "gather stacks, a CPU profile and the log"), CHECK),
    ),
    Cause(
        "io_saturation",
        "I/O saturated",
        "The disk is slower than usual: writes of the redo log, flushes and reads wait for it, and with them"
        " commits.",
        check=(
            "On the machine: iostat -x 1. Is the disk busy, and with whose reads and writes?",
            "Does a merge, a backup or a copy go on?",
            "Is the disk sound (dmesg, smartctl), and is its quota in the cloud used up?",
        ),
        act=(
            "Stop or slow down what else writes to the disk.",
            "Move leaders to other servers until it is over.",
            "Put redo log and data on disks of their own.",
        ),
        looks=(IO, DISK_READERS, WRITERS, COMPACTING),
        facts=("waits", "top_sql", "compaction", "disk"),
        obdiag=(gather("io", "gather I/O figures and the log"), CHECK),
    ),
    Cause(
        "network_degraded",
        "Network degraded",
        "The network to the server is slow, narrow or lossy: clients wait for answers and send less, while"
        " the server itself has little to do.",
        check=(
            "From here and from another server: ping, and its losses. From which places is it slow?",
            "On the machine: ip -s link (errors, drops), ss -ti (retransmissions).",
            "Is the bandwidth used up by a backup, a copy or an import?",
        ),
        act=(
            "Take the bad link, card or switch port out of use.",
            "Move leaders to servers that are reached well.",
            "Slow down what fills the line.",
        ),
        looks=(WAITS, RPC, SESSIONS),
        facts=("reach", "waits", "sessions"),
        obdiag=(CHECK, _LOGS),
    ),
    Cause(
        "network_partition",
        "Network partition",
        "The server cannot reach others of its cluster, or they cannot reach it. Its leaders move away, and"
        " where no majority is left nothing can be written.",
        check=(
            "Which servers reach each other? Ask from both sides: one direction alone may be cut.",
            "Were firewall rules, routes or network policies changed?",
            "Which log streams have no leader?",
        ),
        act=(
            "Restore the network; the server catches up by itself.",
            "Keep clients away from it until its log streams are in sync.",
            "Do not delete the server or its replicas: within server_permanent_offline_time nothing is"
            " copied.",
        ),
        looks=(SERVERS, LOG_ALL, RPC, LEADERS, LOG),
        facts=("reach", "servers", "log"),
        obdiag=(scene("log_error", "look into log streams without a leader"), _LOGS),
    ),
    Cause(
        "clock_skew",
        "Clock skew",
        "The server's clock differs from the other servers': timeouts, leases and snapshots are reckoned with"
        " the wrong time.",
        check=(
            "On the machine: chronyc tracking (or ntpq -p). Is it synchronised, and with whom?",
            "Did the time jump (log of chronyd, a suspended virtual machine)?",
        ),
        act=(
            "Let chrony or ntpd slew it back; do not set the time of a running observer by a jump.",
            "Give all servers the same time sources.",
        ),
        looks=(CLOCK, LOG, EVENTS),
        facts=("clock", "log"),
        obdiag=(CHECK,),
    ),
    Cause(
        "node_down",
        "Node down",
        "Nothing listens at the server's SQL port: its process has ended, or its machine is gone.",
        check=(
            "Is the machine there (ping, ssh), and is the process (ps, systemctl, kubectl get pods)?",
            "Why did it end: the end of observer.log, core files, dmesg (out of memory)?",
            "Did its leaders move?",
        ),
        act=(
            "Start it again where it does not start by itself; it recovers from its log.",
            "See that its disks are not full before.",
            "Restore it within server_permanent_offline_time, or its replicas are built anew elsewhere.",
        ),
        looks=(SERVERS, LEADERS, EVENTS, PARAMETERS),
        facts=("reach", "servers"),
        obdiag=(
            scene("observer_process_missing", "look for the process, core files and the last of its log"),
            gather("restart", "gather what is needed on a server that ended"),
        ),
    ),
    Cause(
        "node_hung",
        "Node hung",
        "The server's process is there and takes connections, but does not answer. It is stopped, waits for a"
        " disk or network file system, or has no thread left that could answer.",
        check=(
            "On the machine: state of the process (ps -o stat,wchan): T is stopped, D waits for a disk.",
            "Does the disk answer (dmesg, iostat -x 1)?",
            "Are all workers busy or waiting for one lock (a stack of all threads)?",
        ),
        act=(
            "Take stacks before anything else: they are gone after a restart.",
            "Continue it if it was stopped (kill -CONT), restore its disk if that hangs.",
            "Restart it if nothing helps: its leaders move in seconds once its connections break.",
        ),
        looks=(SERVERS, LEADERS, EVENTS),
        facts=("reach", "servers"),
        obdiag=(Obdiag("gather stacks of the observers", ("gather", "stack")), _LOGS),
    ),
    Cause(
        "collector_stalled",
        "Collector stalled",
        "The server answers us too late, or its views do: its figures are missing or old. Of the server"
        " itself that says only that it is busy, or far away.",
        check=(
            "Is the console's own machine busy, or suspended now and then?",
            "How long does one question take (the status shows it)?",
            "Do others reach the server as usual?",
        ),
        act=(
            "Run the console nearer to the servers.",
            "Ask less often: --interval.",
        ),
        looks=(QUEUE, ACTIVE, SESSIONS),
        facts=("reach", "active"),
        obdiag=(CHECK,),
    ),
    Cause(
        "disk_nearly_full",
        "Disk nearly full",
        "The data disk or the log disk has little room left. When the log disk is full nothing can be"
        " written, when the data disk is full flushes and merges fail.",
        check=(
            "Which of the two is it, and how fast does it fill?",
            "Log disk: does a tenant's checkpoint not get on, or an archive fall behind?",
            "Data disk: what grew? Are there old backups, dumps or logs on the same file system?",
        ),
        act=(
            "Remove what does not belong there, or make the file system larger.",
            "Data: raise datafile_maxsize, drop or move tables. Log: raise the tenant's LOG_DISK_SIZE.",
            "Let a flush move the checkpoint: ALTER SYSTEM MINOR FREEZE.",
        ),
        looks=(DISK, UNITS, PARAMETERS, TRANSACTIONS),
        facts=("disk", "transactions", "compaction"),
        obdiag=(
            scene("clog_disk_full", "look into a log disk that fills"),
            gather("clog_disk_full", "gather what is needed on a log disk that fills"),
            CHECK,
        ),
    ),
    Cause(
        "compaction_stuck",
        "Compaction stuck",
        "A merge or flush does not get on: old data cannot be freed, reads become slower, and at last the"
        " memstore fills.",
        check=(
            "What does the server itself say on it, and for which tablet?",
            "Is the merge suspended or in error?",
            "Is an old transaction open, or the disk full or slow?",
        ),
        act=(
            "Resume it if it was suspended: ALTER SYSTEM RESUME MERGE.",
            "End the old transaction, or make room on the disk.",
            "Clear the error once its cause is gone: ALTER SYSTEM CLEAR MERGE ERROR.",
        ),
        looks=(MAJOR, MAJOR_ALL, COMPACTION_TROUBLE, COMPACTING, TRANSACTIONS),
        facts=("compaction", "transactions", "disk"),
        obdiag=(
            scene("major_hold", "look into a merge that does not get on"),
            gather("compaction", "gather the state of compactions and the log"),
        ),
    ),
    Cause(
        "log_sync_behind",
        "Log sync behind",
        "Commits wait long for their quorum, or a replica stays behind with the log: its disk or the network"
        " to it is slow, or it cannot replay as fast as is written.",
        check=(
            "Which replica is behind: one server's, or those of one zone?",
            "How long do redo log writes take on it?",
            "Does it replay, or does replay wait (CPU, memstore full)?",
        ),
        act=(
            "Mend the disk or network of the replica that is behind.",
            "Move leaders so that the quorum does not need it.",
            "Give the tenant more CPU where replay is what lags.",
        ),
        looks=(LOG, LOG_ALL, IO, RPC),
        facts=("log", "waits", "disk"),
        obdiag=(
            scene("replay_hold", "look into replay that does not get on"),
            scene("log_error", "look into log streams without a leader"),
        ),
    ),
)
