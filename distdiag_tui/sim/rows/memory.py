"""Memstores, caches and who holds memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.sim.rows.ask import Ask, Rows

# Cache, priority, share of the caches' memory, statistics of hits and misses.
_CACHES: Final = (
    ("user_block_cache", 1, 0.7, 50008, 50009),
    ("index_block_cache", 10, 0.1, 60087, 60086),
    ("user_row_cache", 1, 0.15, 50000, 50001),
    ("bf_cache", 1, 0.05, 60087, 50001),
)
_MODULES: Final = (
    ("DEFAULT_CTX_ID", "SqlPlanMon", 0.02), ("MEMSTORE_CTX_ID", "Memstore", 0.3),
    ("KVSTORE_CACHE_ID", "KvstorCacheMb", 0.4), ("PLAN_CACHE_CTX_ID", "SqlPhyPlan", 0.05),
    ("WORK_AREA", "SqlHashJoin", 0.03),
)  # fmt: skip


def _memstores(ask: Ask) -> Rows:
    servers, tenants = ask.pairs()
    levels = ask.load.levels
    limit = levels[130004][servers, tenants].astype(np.int64)
    return ask.addresses(servers) | {
        "TENANT_ID": ask.tenant_ids(tenants), "MEMSTORE_LIMIT": limit, "FREEZE_TRIGGER": limit // 2,
        "MEMSTORE_USED": levels[130001][servers, tenants].astype(np.int64),
        "ACTIVE_SPAN": levels[130000][servers, tenants].astype(np.int64),
        "FREEZE_CNT": ask.load.freezes[servers, tenants].astype(np.int64),
    }  # fmt: skip


def _each(ask: Ask, kinds: int) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[str, Any]]:
    """Servers and tenants, each as often as there are kinds, with their columns."""
    servers, tenants = ask.pairs()
    where, who = np.repeat(servers, kinds), np.repeat(tenants, kinds)
    return where, who, ask.addresses(where) | {"TENANT_ID": ask.tenant_ids(who)}


def _caches(ask: Ask) -> Rows:
    where, who, rows = _each(ask, len(_CACHES))
    count = len(where) // len(_CACHES)
    kind = np.tile(np.arange(len(_CACHES)), count)
    now, memory = ask.load.levels[140018][where, who], np.array([each[2] for each in _CACHES])[kind]
    hits = np.stack([ask.load.total(each[3], ask.now) for each in _CACHES])[kind, where, who].astype(np.int64)
    misses = np.stack([ask.load.total(each[4], ask.now) for each in _CACHES])[kind, where, who].astype(
        np.int64
    )
    return rows | {
        "CACHE_NAME": np.array([each[0] for each in _CACHES], dtype=object)[kind],
        "PRIORITY": np.array([each[1] for each in _CACHES], np.int64)[kind],
        "CACHE_SIZE": (now * memory).astype(np.int64), "HIT_RATIO": 100.0 * hits / np.maximum(1,
        hits + misses),
        "TOTAL_PUT_CNT": misses, "TOTAL_HIT_CNT": hits, "TOTAL_MISS_CNT": misses,
    }  # fmt: skip


def _modules(ask: Ask) -> Rows:
    where, who, rows = _each(ask, len(_MODULES))
    kind = np.tile(np.arange(len(_MODULES)), len(where) // len(_MODULES))
    hold = (ask.load.levels[140003][where, who] * np.array([each[2] for each in _MODULES])[kind]).astype(
        np.int64
    )
    return rows | {
        "CTX_NAME": np.array([each[0] for each in _MODULES], dtype=object)[kind],
        "MOD_NAME": np.array([each[1] for each in _MODULES], dtype=object)[kind],
        "COUNT": hold // 8192, "HOLD": hold, "USED": hold * 9 // 10,
    }  # fmt: skip


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "GV$OB_MEMSTORE": _memstores,
    "GV$OB_KVCACHE": _caches,
    "GV$OB_MEMORY": _modules,
}
