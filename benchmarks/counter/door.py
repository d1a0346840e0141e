"""The site as gunicorn serves it, with one more address: a view that finds out who asks, counts the request and answers.

It goes through the wire's gate like every other request of a program. The product does not have it.
"""

from __future__ import annotations

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
