"""A program and its key pair, for the tests of the wire."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from django.test import Client

from trading.operations import create_api_key, open_paper_account
from trading.tests.support import make_user

_count = itertools.count(1)


@dataclass(frozen=True)
class Bot:
    """A program: whose it is, which account it trades in, and its keys. Speaks to the gate without a server."""

    user: Any
    portfolio_id: int
    key_pk: int
    key_id: str
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        """The key pair as the SDK sends it."""
        return {"APCA-API-KEY-ID": self.key_id, "APCA-API-SECRET-KEY": self.secret}

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send a request; the answer has ``.status_code`` and ``.json()``."""
        raw = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        return Client(headers=self.headers).generic(
            method,
            f"/alpaca{path}",
            raw,
            content_type="application/json",
            query_params=query or None,
        )

    def get(self, path: str, **query: Any) -> Any:
        """GET, and the JSON of a 200."""
        answer = self.send("GET", path, **query)
        assert answer.status_code == 200, answer.content
        return answer.json()


def make_bot(
    *,
    user: Any = None,
    cash: str = "100000",
    multiplier: int = 1,
    rate_limit: int = 100_000,
    portfolio_id: int | None = None,
) -> Bot:
    """Open a paper account with a key pair, or make one for an account that is there."""
    owner = user or make_user(f"bot{next(_count)}-{uuid.uuid4().hex[:6]}-")
    now = datetime.now(UTC)
    account = portfolio_id or open_paper_account(
        owner=owner, name="Bot", cash=Decimal(cash), currency="USD", multiplier=multiplier, now=now
    )
    issued = create_api_key(portfolio_id=account, actor=owner, name="test", rate_limit=rate_limit, now=now)
    return Bot(
        user=owner,
        portfolio_id=account,
        key_pk=issued.key.pk,
        key_id=issued.key.key_id,
        secret=issued.secret,
    )


@dataclass(frozen=True)
class Sdk:
    """The official client against the running site, as its models and raw."""

    bot: Bot
    base: str
    socket_base: str
    trading: Any
    raw: Any
    stocks: Any
    coins: Any


def sdk_for(bot: Bot, live_site: Any) -> Sdk:
    """Clients of the official SDK with the bot's keys; they wait no seconds before they try again."""
    from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
    from alpaca.trading.client import TradingClient

    base = f"{live_site.url}/alpaca"
    return Sdk(
        bot=bot,
        base=base,
        socket_base=f"{live_site.socket_url}/alpaca",
        trading=TradingClient(bot.key_id, bot.secret, url_override=base),
        raw=TradingClient(bot.key_id, bot.secret, url_override=base, raw_data=True),
        stocks=StockHistoricalDataClient(bot.key_id, bot.secret, url_override=base),
        coins=CryptoHistoricalDataClient(url_override=base),
    )
