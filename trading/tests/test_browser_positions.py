"""Positions in a real browser: figures and totals follow the market without a reload, and closing takes the row away."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import expect

from marketdata.operations import apply_quotes
from marketdata.providers.base import QuoteData
from portfolio_site.kernel import clock
from trading.tests.support import make_account, make_instrument, make_user, order, set_quote
from trading.tests.test_browser import elsewhere

pytestmark = pytest.mark.browser


def prepare() -> tuple[Any, int, Any]:
    """A trader who holds ten of a share."""
    try:
        share = make_instrument("ACME", name="Acme Corporation")
        set_quote(share, "100.00", "100.00", at=clock.now())
        trader = make_user("trader")
        account = make_account(trader)
        order(account, trader, share, quantity=10, now=clock.now())
        return trader, account, share
    finally:
        connection.close()


def tick(share: Any, last: str) -> None:
    """The market moves."""
    try:
        now = clock.now()
        price = Decimal(last)
        quote = QuoteData(
            instrument_id=share.pk,
            bid=price,
            ask=price,
            last=price,
            quoted_at=now,
            source="simulated",
            is_simulated=True,
        )
        apply_quotes(quotes=[quote], now=now)
    finally:
        connection.close()


def test_figures_and_totals_follow_the_market_and_closing_takes_the_row_away(
    live_site, context, log_in_browser
):
    trader, account, share = elsewhere(prepare)
    log_in_browser(trader)
    page = context.new_page()
    page.goto(f"{live_site.url}/positions/")
    row = page.get_by_role("row", name="ACME")
    expect(row).to_contain_text("$1,000.00")
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#hf-live")).to_have_attribute("data-state", "on")

    elsewhere(lambda: tick(share, "107.50"))
    expect(row).to_contain_text("$1,075.00")
    expect(row).to_contain_text("+$75.00")
    together = page.get_by_role("row", name="Total")
    expect(together).to_contain_text("$1,075.00")
    expect(together).to_contain_text("+$75.00")

    closing = context.new_page()
    closing.goto(f"{live_site.url}/portfolios/{account}/positions/{share.pk}/close/")
    closing.get_by_role("button", name="50 %").click()
    expect(closing.get_by_label("Units to close")).to_have_value("5")
    closing.get_by_role("button", name="All").click()
    closing.get_by_role("button", name="Review").click()
    expect(closing.get_by_role("button", name="Close position")).to_be_focused()
    closing.keyboard.press("Enter")
    closing.get_by_text("Filled").first.wait_for()

    page.get_by_text("No open positions").wait_for()
    assert page.evaluate("window.sameDocument")
