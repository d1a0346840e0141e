"""The counter's timetable for Celery beat."""

from __future__ import annotations

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "trading-expire-orders": {
        "task": "trading.tasks.expire_orders",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "trading-reconcile-orders": {
        "task": "trading.tasks.reconcile_orders",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "trading-reconcile-orders-thoroughly": {
        "task": "trading.tasks.reconcile_orders_thoroughly",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "trading-release-baskets": {
        "task": "trading.tasks.release_baskets",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "trading-watch-margins": {
        "task": "trading.tasks.watch_margins",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "trading-look-after-brokers": {
        "task": "trading.tasks.look_after_brokers",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "trading-keep-accounts": {
        "task": "trading.tasks.keep_accounts",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
}
