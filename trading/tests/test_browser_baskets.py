"""A basket in a real browser: reviewed on one page and placed as one; it and the blotter follow without a reload."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import expect

from holdings.operations.targets import set_targets
from marketdata.models import Quote
from marketdata.operations import apply_quotes
from marketdata.providers.base import QuoteData
from portfolio_site.kernel import clock
from trading.models import Order
from trading.tests.support import make_account, make_instrument, make_user, order, set_quote
from trading.tests.test_browser import elsewhere

pytestmark = pytest.mark.browser


def prepare() -> tuple[Any, int, Any]:
    """A trader with 90 of ACME and 1 000.00, who wants 30 % of it and 60 % of BETA. ACME has bids for twenty at a time."""
    try:
        now = clock.now()
        share, other = make_instrument("ACME", name="Acme"), make_instrument("BETA", name="Beta")
        set_quote(share, "100.00", "100.00", at=now)
        set_quote(other, "40.00", "40.00", at=now)
        trader = make_user("trader")
        account = make_account(trader)
        order(account, trader, share, quantity=90, now=now)
        weights = {str(share.pk): Decimal("0.3"), str(other.pk): Decimal("0.6"), "cash": Decimal("0.1")}
        set_targets(
            portfolio_id=account, dimension="instrument", weights=weights, actor=trader, now=clock.now()
        )
        Quote.objects.filter(instrument=share).update(bid_size=20, ask_size=20)
        return trader, account, share
    finally:
        connection.close()


def tick(share: Any) -> None:
    """A new quote that takes everything."""
    try:
        now = clock.now()
        quote = QuoteData(
            instrument_id=share.pk,
            bid=Decimal(100),
            ask=Decimal(100),
            last=Decimal(100),
            quoted_at=now,
            source="simulated",
            is_simulated=True,
        )
        apply_quotes(quotes=[quote], now=now)
    finally:
        connection.close()


def count_orders() -> int:
    try:
        return Order.objects.count()
    finally:
        connection.close()


def test_is_reviewed_placed_as_one_and_followed_to_its_end(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    log_in_browser(trader)
    blotter = context.new_page()
    blotter.goto(f"{live_site.url}/orders/")
    expect(blotter.locator("#hf-live")).to_have_attribute("data-state", "on")
    blotter.evaluate("window.sameDocument = true")

    page = context.new_page()
    page.goto(f"{live_site.url}/portfolios/{account}/rebalance/")
    row = page.get_by_role("row", name="BETA")
    expect(row).to_contain_text("60.00%")
    # Twice at once, as an impatient hand does it: still one basket.
    page.get_by_role("button", name="Place 2 orders").dblclick()
    page.wait_for_url("**/baskets/**")
    page.evaluate("window.sameDocument = true")
    expect(page.get_by_role("row", name="Sell ACME")).to_contain_text("Partly filled")
    expect(page.get_by_role("row", name="Buy BETA")).to_contain_text("Waiting")
    expect(blotter.get_by_role("row", name="ACME").first).to_contain_text("Partly filled")

    elsewhere(lambda: tick(share))
    expect(page.get_by_role("row", name="Sell ACME")).to_contain_text("Filled")
    expect(page.get_by_role("row", name="Buy BETA")).to_contain_text("Filled")
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    expect(page.get_by_text("2 of 2")).to_be_visible()
    expect(blotter.get_by_role("row", name="Bought BETA")).to_be_visible()
    assert page.evaluate("window.sameDocument")
    assert blotter.evaluate("window.sameDocument")
    assert elsewhere(count_orders) == 3

    # Back to the review: it plans anew from what is held now, and does not offer the same orders again.
    page.go_back()
    expect(page.get_by_role("button", name="Place 2 orders")).to_have_count(0)
