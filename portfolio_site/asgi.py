"""The frame: the entry point for daphne: pages in the quick start, sockets everywhere."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portfolio_site.settings.prod")
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "60")

# Django has to be set up before anything below may import a model.
_pages = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from portfolio_site.routing import websocket_urlpatterns  # noqa: E402
from trading.wire import routing as wire  # noqa: E402

_browsers = AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))


async def _sockets(scope: Any, receive: Any, send: Any) -> None:
    """Programs send no origin and bring their keys in the first message; browsers come by cookie, from this site alone."""
    served = wire.programs if wire.is_wire(scope) else _browsers
    await served(scope, receive, send)


async def _http(scope: Any, receive: Any, send: Any) -> None:
    """A program may follow its orders over a request that stays open; everything else is Django's."""
    served = wire.events if wire.is_event_stream(scope) else _pages
    await served(scope, receive, send)


application = ProtocolTypeRouter({"http": _http, "websocket": _sockets})
