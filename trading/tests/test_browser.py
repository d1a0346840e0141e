"""Journey 1 in a real browser: an order placed in one window shows in another without a reload."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import expect

from portfolio_site.kernel import clock
from trading.tests.support import make_account, make_instrument, make_user, set_quote

pytestmark = pytest.mark.browser


def prepare() -> tuple[Any, int, Any]:
    """A trader with a paper account, and a share with a market."""
    try:
        share = make_instrument("ACME", name="Acme Corporation")
        set_quote(share, "100.00", "100.02", at=clock.now())
        trader = make_user("trader")
        return trader, make_account(trader), share
    finally:
        connection.close()


def elsewhere(work: Callable[[], Any]) -> Any:
    """Run it in a thread of its own: this one belongs to the browser's event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_order_placed_in_one_window_shows_in_the_other(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    log_in_browser(trader)
    blotter, ticket = context.new_page(), context.new_page()
    blotter.goto(f"{live_site.url}/orders/")
    blotter.get_by_text("No open orders").wait_for()
    blotter.evaluate("window.sameDocument = true")

    ticket.goto(f"{live_site.url}/portfolios/{account}/orders/new/?instrument={share.pk}")
    ticket.get_by_label("Quantity").fill("7")
    ticket.locator("#order-preview").get_by_text("$700.14").first.wait_for()
    ticket.get_by_label("Quantity").press("Enter")  # the keyboard is enough
    # The browser moves the focus in a later step than the one that shows the page.
    expect(ticket.get_by_role("button", name="Place order")).to_be_focused()
    ticket.keyboard.press("Enter")
    ticket.get_by_text("the best ask of").wait_for()

    blotter.get_by_text("Bought ACME").first.wait_for()
    assert blotter.evaluate("window.sameDocument")

    ticket.goto(f"{live_site.url}/portfolios/{account}/orders/new/?instrument={share.pk}")
    ticket.get_by_label("Limit", exact=True).check()
    ticket.get_by_label("Quantity").fill("5")
    ticket.get_by_label("Limit price").fill("90")
    ticket.locator("#order-preview").get_by_text("limit price").wait_for()
    ticket.get_by_role("button", name="Review order").click()
    ticket.get_by_role("button", name="Place order").click()
    ticket.get_by_text("above the limit").first.wait_for()

    row = blotter.get_by_role("row", name="Buy ACME").filter(has_text="above the limit")
    row.get_by_role("button", name="Cancel").click()
    blotter.get_by_text("No open orders").wait_for()
    ticket.get_by_text("Cancelled by you.").wait_for()
    assert blotter.evaluate("window.sameDocument")
