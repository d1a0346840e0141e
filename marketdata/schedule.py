"""Market data: its timetable."""

from __future__ import annotations

from typing import Any

from portfolio_site.settings.environment import QUOTE_REFRESH_SECONDS

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "quotes-refresh": {
        "task": "marketdata.tasks.refresh_quotes",
        "schedule": QUOTE_REFRESH_SECONDS,
        # A refresh that could not run in time is of no use: the next one is there.
        "options": {"expires": QUOTE_REFRESH_SECONDS},
    },
    "quotes-poll": {
        "task": "marketdata.tasks.poll_quotes",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "history-extend": {
        "task": "marketdata.tasks.extend_history",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "real-prices-adopt": {
        "task": "marketdata.tasks.adopt_real_prices",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    # The ECB publishes once a day; who was offline then has the rates within half an hour of being back.
    "fx-rates-refresh": {
        "task": "marketdata.tasks.refresh_fx_rates",
        "schedule": 1800.0,
        "options": {"expires": 1800},
    },
    "partitions-prepare": {
        "task": "marketdata.tasks.prepare_partitions",
        "schedule": 3 * 3600.0,
        "options": {"expires": 3600},
    },
    "history-resume": {
        "task": "marketdata.tasks.resume_history",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "history-gaps": {
        "task": "marketdata.tasks.find_gaps",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
}
