"""Market pages in a real browser: prices that change in place, lists put in order, ranges and comparisons in the address."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from marketdata.models import Instrument, PriceBar, Watchlist
from marketdata.operations import create_watchlist, set_quote
from marketdata.operations.partitions import prepare_partitions
from portfolio_site.kernel import clock
from tests.support.live_site import LiveSite

pytestmark = pytest.mark.browser
D = Decimal
#: Waits for a chart, and says what was drawn. (The pages let no text be run as a script, so nothing is polled for.)
DRAWN = """async (id) => {
  const drawn = () => document.getElementById(id)?.holdfastChart?.chart;
  while (!drawn()) await new Promise((done) => setTimeout(done, 50));
  const chart = drawn();
  return { lowest: chart.scales.y.min, sets: chart.data.datasets.length };
}"""


@pytest.fixture
def person(live_site: LiveSite, log_in_browser: Callable[[Any], None]) -> User:
    made = User.objects.create_user(
        "ada@example.org", "correct horse battery staple", name="Ada Lovelace", locale="en-US"
    )
    log_in_browser(made)
    return made


@pytest.fixture
def share(live_site: LiveSite) -> Callable[..., Instrument]:
    """Make something with two months of closes and a quote that is held."""
    prepare_partitions(now=clock.now())

    def make(symbol: str, last: str = "100") -> Instrument:
        made = Instrument.objects.create(
            symbol=symbol, name=f"{symbol} Inc", asset_class="equity", currency="USD"
        )
        today = clock.now().date()
        PriceBar.objects.bulk_create(
            PriceBar(instrument=made, date=today - timedelta(days=n), close=D(last) - n % 7, source="test")
            for n in range(1, 61)
        )
        quote(made, last)
        return made

    return make


def quote(thing: Instrument, last: str) -> None:
    price = D(last)
    set_quote(instrument_id=thing.pk, bid=price - 1, ask=price + 1, last=price, now=clock.now())


@pytest.fixture
def watchlist(person: User, share: Callable[..., Instrument]) -> Watchlist:
    ids = [share(symbol).pk for symbol in ("AAA", "BBB", "CCC")]
    made = create_watchlist(owner=person, name="Three", now=clock.now(), instrument_ids=ids)
    return Watchlist.objects.get(pk=made.id)


def order_of(page: Page) -> list[str]:
    return page.locator(".hf-reorder strong").all_inner_texts()


def test_a_row_changes_in_place(page: Page, live_site: LiveSite, watchlist: Watchlist) -> None:
    page.goto(live_site.url + reverse("marketdata:watchlist", args=[watchlist.pk]))
    thing = Instrument.objects.get(symbol="BBB")
    cell = page.locator(f"[data-quote-id='{thing.pk}'][data-field='last']").first
    expect(cell).to_contain_text("100.00")
    page.evaluate("window.stillHere = true")
    expect(page.locator("#hf-live")).to_have_attribute("data-state", "on")
    quote(thing, "123.45")
    expect(cell).to_contain_text("123.45")
    assert page.evaluate("window.stillHere"), "the page was not loaded again"


def test_a_list_is_put_in_order_with_the_keys_and_by_dragging(
    page: Page, live_site: LiveSite, watchlist: Watchlist
) -> None:
    page.goto(live_site.url + reverse("marketdata:watchlist", args=[watchlist.pk]) + "?edit=1")
    thing = Instrument.objects.get(symbol="CCC")
    with page.expect_response("**/order/"):
        page.locator(f"#grip-{thing.pk}").press("Home")
    expect(page.locator(".hf-reorder strong").first).to_have_text("CCC")
    expect(page.locator(f"#grip-{thing.pk}")).to_be_focused()
    with page.expect_response("**/order/"):
        page.locator(f"#grip-{thing.pk}").drag_to(
            page.locator(".hf-reorder li").last, target_position={"x": 60, "y": 30}
        )
    expect(page.locator(".hf-reorder strong").last).to_have_text("CCC")
    page.reload()
    assert order_of(page) == ["AAA", "BBB", "CCC"]


def test_the_range_of_a_chart_is_in_the_address(
    page: Page, live_site: LiveSite, person: User, share: Callable[..., Instrument]
) -> None:
    thing = share("AAA")
    page.goto(live_site.url + reverse("marketdata:detail", args=[thing.pk]))
    with page.expect_response("**/chart/?*range=1M*"):
        page.get_by_role("link", name="1M", exact=True).click()
    expect(page).to_have_url(re.compile("range=1M"))
    # The test must not end, and the database be emptied, while the chart is being fetched.
    with page.expect_response("**/chart/?*range=1M*"):
        page.reload()
    expect(page.locator("[data-range='1M']")).to_have_attribute("aria-current", "true")


def test_a_price_axis_has_no_room_below_nothing(
    page: Page, live_site: LiveSite, person: User, share: Callable[..., Instrument]
) -> None:
    thing = share("AAA", "300")
    PriceBar.objects.filter(instrument=thing, date__lt=clock.now().date() - timedelta(days=30)).update(
        close=D(1)
    )
    page.goto(live_site.url + reverse("marketdata:detail", args=[thing.pk]) + "?range=3M")
    assert page.evaluate(DRAWN, "price")["lowest"] == 0


def test_things_are_compared_and_stay_in_the_address(
    page: Page, live_site: LiveSite, person: User, share: Callable[..., Instrument]
) -> None:
    for symbol in ("AAA", "BBB"):
        share(symbol)
    page.goto(live_site.url + reverse("marketdata:compare") + "?symbols=AAA&range=1M")
    page.fill("#add-text", "BBB")
    page.locator("[role=option]").first.click()
    expect(page).to_have_url(re.compile("(?=.*AAA)(?=.*BBB)(?=.*range=1M)"))
    page.wait_for_load_state()
    assert page.evaluate(DRAWN, "compare")["sets"] >= 2
