"""The site as gunicorn serves it, with two more addresses: views that find out who asks, count the request and answer.

One goes through the wire's gate, the other through DRF, like every other request of a program. The product has neither.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.urls import path

from portfolio_site.wsgi import application
from trading.wire import gate
from trading.wire.calls import Call, endpoint
from trading.wire.urls import urlpatterns as wire_urls

__all__ = ["application", "urlpatterns"]


def who(call: Call) -> Any:
    """Say whose key it is; nothing is read beyond what letting them in took."""
    return {"portfolio": call.portfolio_id}


urlpatterns = [*wire_urls, path("v2/benchmark/door", endpoint(GET=who))]
gate._URLS = __name__

#: What stands on apps can be loaded only once the application has set them up.
import_module("benchmarks.counter.rest_floor").mount()
