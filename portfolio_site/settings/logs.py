"""The frame: structured logs. One line an event, with the request id through web, worker and socket."""

import json
import logging
from typing import Any

import orjson
import structlog

from .environment import LOG_JSON, LOG_LEVEL

# No line says in which file, thread or process it was written; finding that out costs as much as writing it.
logging._srcfile = None
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def _as_json(event: Any, **options: Any) -> str:
    """A line; by `json` where there is something that `orjson` does not write (a lone surrogate, a huge number)."""
    try:
        return orjson.dumps(event, default=options["default"]).decode()
    except (TypeError, ValueError):
        return json.dumps(event, **options)


_shared: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

# That a request began is said by the line of its end, or by that of its failure.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info if LOG_JSON else structlog.stdlib.add_log_level,
                structlog.processors.JSONRenderer(serializer=_as_json)
                if LOG_JSON
                else structlog.dev.ConsoleRenderer(
                    colors=False, exception_formatter=structlog.dev.plain_traceback
                ),
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"level": "WARNING", "propagate": True, "handlers": []},
        "daphne": {"level": "WARNING"},
        # A line for each task sent and done is noise at the pace of price ticks.
        "django_structlog.celery": {"level": "WARNING"},
        "fontTools": {"level": "ERROR"},
        "weasyprint": {"level": "ERROR"},
        "exchange_calendars": {"level": "WARNING"},
        # It says every 15 seconds which hundreds of symbols it watches, and shows junk frames with a traceback.
        "yfinance": {"level": "CRITICAL"},
        "websockets": {"level": "WARNING"},
    },
}

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        *_shared[1:],
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.UnicodeDecoder(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
