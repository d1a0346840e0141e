"""Journey 1 in a real browser: an order placed in one window shows in another without a reload."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import expect

from portfolio_site.kernel import clock
from trading.tests.support import make_account, make_instrument, make_user, order, set_quote

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


def rest(account: int, trader: Any, share: Any, limit_price: str) -> None:
    """An order that waits."""
    try:
        order(account, trader, share, limit_price=limit_price, quantity=2, now=clock.now())
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


def test_bracket_is_placed_by_the_keyboard_alone(live_site, context, log_in_browser):
    trader, account, _ = elsewhere(prepare)
    log_in_browser(trader)
    page = context.new_page()
    page.goto(f"{live_site.url}/portfolios/{account}/orders/new/")
    page.locator("#order-form.is-live").wait_for()
    keys = page.keyboard
    keys.press("Alt+i")
    keys.type("ACME")
    page.get_by_role("option", name="ACME").first.wait_for()
    keys.press("ArrowDown")
    keys.press("Enter")
    page.locator("#order-preview[data-offer]").wait_for()
    keys.press("Alt+q")
    keys.type("5")
    keys.press("Alt+t")
    keys.press("ArrowRight")
    keys.press("Alt+p")
    keys.type("99")
    keys.press("Alt+x")
    keys.press("ArrowDown")
    keys.press("Tab")
    keys.type("110")
    keys.press("Tab")
    keys.type("95")
    keys.press("Shift+Tab")
    keys.press("Shift+Tab")
    keys.press("Shift+Tab")  # the time in force stands before the exits
    keys.press("ArrowDown")
    keys.press("Alt+x")
    keys.press("Tab")
    page.locator("#order-preview").get_by_text("If the stop-loss fills").wait_for()
    # What is no entry of a bracket is not offered.
    expect(page.get_by_label("Trailing stop")).to_be_hidden()
    keys.press("Enter")
    expect(page.get_by_role("button", name="Place order")).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")  # Change: what was chosen is still there
    page.locator("#order-form.is-live").wait_for()
    expect(page.get_by_label("Time in force")).to_have_value("gtc")
    expect(page.get_by_label("Stop-loss at")).to_have_value("95")
    page.get_by_label("Stop-loss at").press("Enter")
    expect(page.get_by_role("button", name="Place order")).to_be_focused()
    keys.press("Enter")
    page.get_by_role("heading", name="Its bracket").wait_for()
    expect(page.get_by_role("row", name="Take profit")).to_contain_text("$110.00")
    expect(page.get_by_role("row", name="Stop loss")).to_contain_text("$95.00")


def test_order_is_changed_in_place_while_the_blotter_renews_itself(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    elsewhere(lambda: rest(account, trader, share, "90"))
    log_in_browser(trader)
    page, other = context.new_page(), context.new_page()
    for each in (page, other):
        each.goto(f"{live_site.url}/orders/")
        each.get_by_role("link", name="Change the order to buy ACME").wait_for()
        each.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="Change the order to buy ACME").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Quantity")).to_be_focused()
    dialog.get_by_label("Limit price").fill("90.001")
    # A fill somewhere else renews the blotter; what is half typed stays.
    elsewhere(lambda: rest(account, trader, share, "91"))
    expect(page.locator("#open-orders-title")).to_be_attached()
    expect(page.get_by_role("row", name="Buy ACME", include_hidden=True)).to_have_count(2)
    expect(dialog.get_by_label("Limit price")).to_have_value("90.001")
    dialog.get_by_label("Limit price").press("Enter")
    dialog.get_by_text("at most 2 decimals").wait_for()
    dialog.get_by_label("Limit price").fill("92")
    dialog.get_by_label("Limit price").press("Enter")
    expect(dialog).to_be_hidden()
    for each in (page, other):
        expect(each.get_by_role("row").filter(has_text="Limit 92.00").first).to_be_visible()
        assert each.evaluate("window.sameDocument")


def test_the_keyboard_keeps_its_place_when_an_order_goes(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    elsewhere(lambda: [rest(account, trader, share, price) for price in ("90", "91")])
    log_in_browser(trader)
    page = context.new_page()
    page.goto(f"{live_site.url}/orders/")
    changes = page.get_by_role("link", name="Change the order to buy ACME")
    changes.first.press("Enter")
    page.get_by_role("dialog").get_by_label("Limit price").fill("92")
    page.get_by_role("dialog").get_by_label("Limit price").press("Enter")
    expect(page.get_by_role("row").filter(has_text="Limit 92.00").first).to_be_visible()
    expect(changes.first).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Cancel the order to buy ACME").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="Limit 92.00")).to_have_count(0)
    expect(page.get_by_role("button", name="Cancel the order to buy ACME").first).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_text("No open orders").wait_for()
    expect(page.locator("#blotter")).to_be_focused()


def test_going_back_loses_nothing_and_sends_nothing(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    log_in_browser(trader)
    page = context.new_page()
    page.goto(f"{live_site.url}/portfolios/{account}/orders/new/?instrument={share.pk}")
    page.locator("#order-form.is-live").wait_for()
    page.get_by_label("Quantity").fill("777777")
    page.get_by_label("Quantity").press("Enter")
    page.get_by_text("This order needs").first.wait_for()
    sent = []
    page.on(
        "request", lambda request: sent.append(request.method) if request.is_navigation_request() else None
    )
    page.go_back()
    expect(page.get_by_label("Quantity")).to_have_value("777777")
    page.go_forward()
    expect(page.get_by_label("Quantity")).to_have_value("777777")
    page.reload()
    assert set(sent) == {"GET"}
    page.get_by_label("Quantity").fill("7")
    page.get_by_label("Quantity").press("Enter")
    page.get_by_role("button", name="Place order").press("Enter")
    page.get_by_text("the best ask of").wait_for()
    sent.clear()
    page.go_back()
    page.get_by_text("An order was already placed with this ticket").wait_for()
    expect(page.get_by_label("Quantity")).to_have_value("7")
    assert set(sent) == {"GET"}


def test_all_orders_are_cancelled_after_a_question(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    elsewhere(lambda: [rest(account, trader, share, price) for price in ("90", "91")])
    log_in_browser(trader)
    page, other = context.new_page(), context.new_page()
    for each in (page, other):
        each.goto(f"{live_site.url}/orders/")
        each.get_by_role("link", name="Cancel all").wait_for()
    page.get_by_role("link", name="Cancel all").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    expect(dialog.get_by_role("button", name="Cancel all")).to_be_focused()
    page.keyboard.press("Enter")
    for each in (page, other):
        each.get_by_text("No open orders").wait_for()
    # Every event is said to those who do not see the toast.
    expect(other.locator("#hf-announce")).to_contain_text("Order cancelled: ACME")


def test_ticket_works_without_script(live_site, browser, log_in_browser, context):
    trader, account, share = elsewhere(prepare)
    log_in_browser(trader)
    plain = browser.new_context(java_script_enabled=False, storage_state=context.storage_state())
    page = plain.new_page()
    page.goto(f"{live_site.url}/portfolios/{account}/orders/new/?instrument={share.pk}")
    page.get_by_label("Trailing stop").check()
    page.get_by_label("Quantity").fill("3")
    page.get_by_role("button", name="Review order").click()
    page.get_by_text("A trailing stop needs a trail").wait_for()
    page.get_by_label("Trail, in percent").fill("5")
    page.get_by_role("button", name="Review order").click()
    page.get_by_text("at a distance of 5 %").wait_for()
    page.get_by_role("button", name="Place order").click()
    page.get_by_text("Why not yet").wait_for()
    plain.close()
