"""What the tests share about orders at a broker."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from marketdata.models import Instrument
from portfolio_site.kernel import clock
from trading import operations
from trading.models import BrokerConnection, Order
from trading.tests.support import set_quote
from trading.wire.tests.support import Bot

#: Claims and sends what waits, and is killed before it can write down the answer (or before it has sent anything).
_KILLED = """
import os, signal, sys
from uuid import UUID
import django
django.setup()
from portfolio_site.kernel import clock
from trading.brokers.alpaca import AlpacaBroker
from trading.operations import send_waiting
submit = AlpacaBroker.submit
def dies(self, order):
    if sys.argv[2] == "1":
        submit(self, order)
    os.kill(os.getpid(), signal.SIGKILL)
AlpacaBroker.submit = dies
send_waiting(connection_id=UUID(sys.argv[1]), clock=clock.now)
"""


@dataclass
class Desk:
    """A person's account at the broker: the connection, the portfolio, and the broker's own side of it."""

    user: Any
    connection_id: UUID
    portfolio_id: int
    share: Instrument
    remote: Bot

    def place(self, **terms: Any) -> Order:
        """Place an order here; nothing is sent by this."""
        fields: dict[str, Any] = {
            "side": "buy",
            "type": "limit" if "limit_price" in terms else "market",
            "time_in_force": "day",
            "quantity": Decimal(5),
            "instrument_id": self.share.pk,
        }
        fields |= {
            name: Decimal(value) if isinstance(value, str) and value[0].isdigit() else value
            for name, value in terms.items()
        }
        view = operations.place_order(
            portfolio_id=self.portfolio_id, actor=self.user, now=clock.now(), **fields
        )
        return Order.objects.get(pk=view.id)

    def send(self) -> int:
        """Say what waits to be said."""
        return operations.send_waiting(connection_id=self.connection_id, clock=clock.now)

    def catch_up(self) -> int:
        """Read the broker's lists."""
        return operations.catch_up(connection_id=self.connection_id, clock=clock.now)

    def compare(self) -> list[Any]:
        """Lay the books beside each other."""
        return operations.compare(connection_id=self.connection_id, clock=clock.now)

    def quote(self, bid: str, ask: str) -> None:
        """Move the market, and let the broker's resting orders meet it."""
        set_quote(self.share, bid, ask, at=clock.now())
        operations.match_resting_orders(instrument_ids=[self.share.pk], now=clock.now())

    def there(self) -> list[Order]:
        """The orders that the broker has."""
        return list(Order.objects.filter(portfolio_id=self.remote.portfolio_id).order_by("submitted_at"))

    def row(self) -> BrokerConnection:
        """The connection as it is stored."""
        return BrokerConnection.objects.get(pk=self.connection_id)


def connect(user: Any, bot: Bot, live_site: Any, settings: Any, **fields: Any) -> UUID:
    settings.BROKER_ALLOWED_HOSTS = [f"127.0.0.1:{live_site.port}"]
    values = {"name": "Mine", "environment": "paper", "base_url": f"{live_site.url}/alpaca", **fields}
    return operations.connect_broker(
        actor=user, key_id=bot.key_id, secret=bot.secret, now=clock.now(), **values
    )
