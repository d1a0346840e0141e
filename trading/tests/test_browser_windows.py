"""Two windows at once, and forms of the blotter as pages of their own: nothing is lost, done twice, or left unsaid."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import connection
from playwright.sync_api import expect

from portfolio_site.kernel import clock
from trading.models import Order
from trading.operations import match_resting_orders, set_kill_switch
from trading.tests.support import set_quote
from trading.tests.test_browser import elsewhere, prepare, rest

pytestmark = pytest.mark.browser


def in_database(work):
    """Run it beside the browser, on a connection of its own."""

    def run():
        try:
            return work()
        finally:
            connection.close()

    return elsewhere(run)


def the_order():
    return str(in_database(lambda: Order.objects.get().pk))


def test_an_order_filled_while_its_change_is_typed(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    elsewhere(lambda: rest(account, trader, share, "90"))
    log_in_browser(trader)
    page = context.new_page()
    page.goto(f"{live_site.url}/orders/")
    page.get_by_role("link", name="Change the order to buy ACME").press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Limit price").fill("92")

    def fall():
        set_quote(share, "89.00", "89.02", at=clock.now())
        match_resting_orders(instrument_ids=[share.pk], now=clock.now())

    in_database(fall)
    expect(page.get_by_role("row", name="Bought ACME", include_hidden=True).first).to_be_attached()
    expect(dialog.get_by_label("Limit price")).to_have_value("92")
    dialog.get_by_label("Limit price").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("filled")
    expect(dialog.get_by_role("button", name="Change order")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert in_database(lambda: list(Order.objects.values_list("status", flat=True))) == ["filled"]


def test_an_order_cancelled_in_another_window(live_site, browser, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    elsewhere(lambda: rest(account, trader, share, "90"))
    log_in_browser(trader)
    plain = browser.new_context(java_script_enabled=False, storage_state=context.storage_state())
    late, page = plain.new_page(), context.new_page()
    for each in (late, page):
        each.goto(f"{live_site.url}/orders/")
    page.get_by_role("button", name="Cancel the order to buy ACME").press("Enter")
    page.get_by_text("No open orders").wait_for()
    late.get_by_role("button", name="Cancel the order to buy ACME").click()
    late.get_by_text("The order is cancelled.").wait_for()
    late.reload()
    assert late.url.endswith(f"/orders/{the_order()}/")
    plain.close()


def test_the_kill_switch_between_review_and_order(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    log_in_browser(trader)
    page = context.new_page()
    page.goto(f"{live_site.url}/portfolios/{account}/orders/new/?instrument={share.pk}&quantity=3")
    page.get_by_role("button", name="Review order").click()
    page.get_by_role("button", name="Place order").wait_for()
    in_database(
        lambda: set_kill_switch(on=True, actor=trader, portfolio_id=account, reason="Lunch", now=clock.now())
    )
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("alert").first).to_contain_text("No new orders are taken")
    expect(page.get_by_label("Quantity")).to_have_value("3")
    assert in_database(Order.objects.count) == 0


def test_the_dialogs_are_pages_of_their_own_too(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    elsewhere(lambda: rest(account, trader, share, "90"))
    log_in_browser(trader)
    page = context.new_page()
    page.goto(f"{live_site.url}/orders/{the_order()}/replace/")
    page.get_by_label("Limit price").fill("9x")
    page.get_by_label("Limit price").press("Enter")
    page.get_by_text("Give a price").wait_for()
    expect(page.get_by_label("Limit price")).to_be_focused()
    page.get_by_label("Limit price").fill("92")
    page.get_by_role("button", name="Change order").click()
    page.get_by_role("heading", name="Changes").wait_for()
    page.goto(f"{live_site.url}/orders/cancel-all/")
    page.get_by_role("button", name="Cancel all").click()
    page.get_by_text("1 order cancelled.").wait_for()


def test_the_blotter_is_sorted_and_stays_sorted_when_it_renews_itself(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    for price in ("90", "95", "92"):
        elsewhere(partial(rest, account, trader, share, price))
    log_in_browser(trader)
    page = context.new_page()
    page.goto(f"{live_site.url}/orders/")
    expect(page.locator("#hf-live")).to_have_attribute("data-state", "on")
    page.get_by_label("Sort").select_option("Highest price first")
    prices = page.locator("section[aria-labelledby=open-orders-title] td[data-label=Price]")
    expect(prices).to_have_text(["$95.00", "$92.00", "$90.00"])
    page.evaluate("window.sameDocument = true")
    elsewhere(lambda: rest(account, trader, share, "93"))
    expect(prices).to_have_text(["$95.00", "$93.00", "$92.00", "$90.00"])
    assert page.evaluate("window.sameDocument")


def test_a_fault_is_not_said_of_what_is_typed_after_it(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    log_in_browser(trader)
    page = context.new_page()
    page.goto(f"{live_site.url}/portfolios/{account}/orders/new/?instrument={share.pk}&quantity=777777")
    page.get_by_role("button", name="Review order").click()
    fault = page.locator("#id_quantity_error")
    expect(fault).to_contain_text("This order needs")
    expect(page.get_by_label("Quantity")).to_be_focused()
    page.get_by_label("Quantity").press_sequentially("1")
    expect(fault).to_have_count(0)
    page.get_by_label("Quantity").fill("7")
    expect(page.get_by_label("Quantity")).not_to_have_attribute("aria-invalid", "true")
    page.locator("#order-preview").get_by_text("$700.14").first.wait_for()
    expect(page.locator("#order-preview .alert")).to_have_count(0)


def test_on_a_phone_the_button_that_places_is_not_under_the_bar(live_site, context, log_in_browser):
    trader, account, share = elsewhere(prepare)
    log_in_browser(trader)
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 700})
    page.goto(f"{live_site.url}/portfolios/{account}/orders/new/?instrument={share.pk}&quantity=3")
    page.get_by_role("button", name="Review order").click()
    button = page.get_by_role("button", name="Place order")
    expect(button).to_be_focused()
    # The browser scrolls in a later step than the one that moves the focus.
    page.wait_for_function(
        """() => document.activeElement.getBoundingClientRect().bottom
             <= document.querySelector(".hf-tabbar").getBoundingClientRect().top"""
    )
