"""`manage.py set_quote`: what the new quote triggers is filled when the command returns."""

from __future__ import annotations

from io import StringIO

from django.core.management import call_command

from portfolio_site.kernel import clock
from trading.models import Order
from trading.tests.support import make_instrument, order, set_quote


def run(*arguments):
    out = StringIO()
    call_command("set_quote", *arguments, stdout=out)
    return out.getvalue()


class TestSetQuote:
    def test_returns_when_the_orders_it_triggers_are_filled(self, account, trader):
        # No task runs for the command: nothing is committed here, so nothing is sent.
        share = make_instrument("ACME")
        set_quote(share, "100", "100.02", at=clock.now())
        waiting = order(account, trader, share, limit_price="95", time_in_force="gtc", now=clock.now())
        assert "94" in run("ACME", "--bid", "94", "--ask", "94.50")
        assert Order.objects.get(pk=waiting.id).status == "filled"

    def test_knows_coins_as_programs_call_them(self, db):
        make_instrument("BTC-USD", asset_class="crypto", exchange="")
        assert run("btc/usd", "--bid", "50000", "--ask", "50010").startswith("BTC-USD: 50000 / 50010")
        assert "released" in run("BTC/USD", "--release")
