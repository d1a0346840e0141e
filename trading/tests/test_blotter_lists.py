"""The blotter's lists: sorted, narrowed by days, paged; whole groups together; and what renews itself stays where it is."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from portfolio_site.kernel import clock
from trading.models import Order
from trading.operations import StopLoss, TakeProfit, cancel_order
from trading.tests import support
from trading.tests.support import make_account, make_instrument, set_quote
from trading.web import blotter

D = Decimal


def order(*place, **terms):
    """Placed at this moment: pages read the clock."""
    return support.order(*place, **{"now": clock.now(), **terms})


@pytest.fixture
def shares(db):
    found = {}
    for symbol, bid in (("AAA", "10"), ("MMM", "100"), ("ZZZ", "50")):
        found[symbol] = make_instrument(symbol)
        set_quote(found[symbol], bid, str(D(bid) + D("0.02")), at=clock.now())
    return found


@pytest.fixture
def desk(client, trader):
    client.force_login(trader)
    return client


@pytest.fixture
def resting(account, trader, shares):
    """Three orders that wait, the cheapest placed last."""
    now = clock.now()
    terms = (("MMM", 3, "90"), ("ZZZ", 7, "40"), ("AAA", 5, "9"))
    return [
        order(
            account,
            trader,
            shares[symbol],
            quantity=units,
            limit_price=price,
            now=now + timedelta(seconds=at),
        )
        for at, (symbol, units, price) in enumerate(terms)
    ]


def shown(desk, **query):
    page = desk.get(reverse("trading:index"), query)
    assert page.status_code == 200
    return [group.members[0].order.symbol for group in page.context["open_groups"]]


class TestSorted:
    @pytest.mark.parametrize(
        ("sort", "symbols"),
        [
            ("", "AZM"),
            ("-placed", "AZM"),
            ("placed", "MZA"),
            ("symbol", "AMZ"),
            ("-symbol", "ZMA"),
            ("quantity", "MAZ"),
            ("-quantity", "ZAM"),
            ("price", "AZM"),
            ("-price", "MZA"),
            ("nonsense", "AZM"),
            ("placed;drop", "AZM"),
        ],
    )
    def test_open_orders(self, desk, resting, sort, symbols):
        assert [symbol[0] for symbol in shown(desk, sort=sort)] == list(symbols)

    def test_fills_and_ended_orders_alike(self, desk, account, trader, shares):
        now = clock.now()
        for at, symbol in enumerate(("MMM", "ZZZ", "AAA")):
            order(account, trader, shares[symbol], quantity=1, now=now + timedelta(seconds=at))
        for sort, symbols in (("", "AZM"), ("symbol", "AMZ"), ("-price", "MZA"), ("placed", "MZA")):
            page = desk.get(reverse("trading:index"), {"sort": sort})
            for rows in (page.context["fills"], page.context["closed_orders"]):
                assert [row.symbol[0] for row in rows] == list(symbols), sort

    def test_orders_without_a_price_come_last_both_ways(self, desk, resting, account, trader, shares):
        order(account, trader, shares["ZZZ"], quantity=1, time_in_force="opg")
        for sort in ("price", "-price"):
            page = desk.get(reverse("trading:index"), {"sort": sort})
            assert page.context["open_groups"][-1].members[0].order.type == "market"

    def test_heads_of_columns_lead_to_the_order_and_keep_what_is_narrowed(self, desk, resting):
        text = desk.get(reverse("trading:index"), {"symbol": "a", "open_page": "1"}).content.decode()
        assert 'aria-sort="descending"><a href="?symbol=a&amp;sort=placed">' in text
        assert '<a href="?symbol=a&amp;sort=-price">Price</a>' in text


class TestPages:
    def test_every_open_order_is_reached(self, desk, account, trader, shares, monkeypatch):
        monkeypatch.setattr(blotter, "OPEN_PER_PAGE", 4)
        now = clock.now()
        for at in range(10):
            order(account, trader, shares["MMM"], limit_price=50 + at, now=now + timedelta(seconds=at))
        pages = [desk.get(reverse("trading:index"), {"open_page": number}) for number in (1, 2, 3)]
        prices = [
            group.members[0].order.limit_price for page in pages for group in page.context["open_groups"]
        ]
        assert prices == [D(59 - at) for at in range(10)]
        text = pages[0].content.decode()
        assert "1–4 of 10" in text
        assert 'aria-label="Pages of open orders"' in text
        assert 'href="?open_page=2"' in text

    def test_a_group_is_never_torn_apart(self, desk, account, trader, shares, monkeypatch):
        monkeypatch.setattr(blotter, "OPEN_PER_PAGE", 1)
        now = clock.now()
        for at in range(2):
            order(
                account,
                trader,
                shares["MMM"],
                quantity=1,
                limit_price=90 - at,
                order_class="bracket",
                take_profit=TakeProfit(limit_price=D(110)),
                stop_loss=StopLoss(stop_price=D(80)),
                now=now + timedelta(seconds=at),
            )
        for number in (1, 2):
            (group,) = desk.get(reverse("trading:index"), {"open_page": number}).context["open_groups"]
            assert [each.order.role for each in group.members] == ["entry", "take_profit", "stop_loss"]

    def test_fills_and_ended_orders_have_pages_of_their_own(self, desk, account, trader, shares, monkeypatch):
        monkeypatch.setattr(blotter, "FILLS_PER_PAGE", 2)
        monkeypatch.setattr(blotter, "CLOSED_PER_PAGE", 2)
        now = clock.now()
        for at in range(3):
            order(account, trader, shares["AAA"], quantity=at + 1, now=now + timedelta(seconds=at))
        page = desk.get(reverse("trading:index"), {"fills_page": 2})
        assert [fill.quantity for fill in page.context["fills"]] == [1]
        assert [each.quantity for each in page.context["closed_orders"]] == [3, 2]
        assert 'href="?fills_page=2&amp;page=2"' in page.content.decode()

    @pytest.mark.parametrize("number", ["0", "-1", "x", "99", "9" * 30, "\x00"])
    def test_a_page_that_is_none_shows_one_that_is(self, desk, resting, number):
        assert len(shown(desk, open_page=number)) == 3

    def test_what_renews_itself_stays_where_it_is(self, desk, resting):
        query = {"sort": "symbol", "open_page": "2", "page": "3", "from": "2020-01-01", "state": "open"}
        text = desk.get(reverse("trading:index"), query).content.decode()
        address = re.search(r'<div id="blotter"[^>]*hx-get="([^"]+)"', text)[1]
        for part in ("sort=symbol", "open_page=2", "page=3", "from=2020-01-01", "state=open"):
            assert part in address

    def test_another_persons_orders_are_on_no_page(self, desk, outsider, shares, resting):
        theirs = make_account(outsider)
        order(theirs, outsider, shares["MMM"], limit_price="50")
        assert len(shown(desk)) == 3


class TestDays:
    def test_narrow_every_list_by_whole_days_of_the_person(self, desk, account, trader, shares):
        trader.time_zone = "Asia/Tokyo"
        trader.save()
        tokyo = ZoneInfo("Asia/Tokyo")
        today = clock.now().astimezone(tokyo).date()
        first = order(account, trader, shares["MMM"], limit_price="50")
        order(account, trader, shares["AAA"], quantity=1)
        ended = order(account, trader, shares["ZZZ"], limit_price="20")
        cancel_order(order_id=ended.id, actor=trader, now=clock.now())

        def counts(**query):
            context = desk.get(reverse("trading:index"), query).context
            return len(context["open_groups"]), len(context["fills"]), len(context["closed_orders"])

        day = timedelta(days=1)
        assert counts(**{"from": today, "to": today}) == (1, 1, 2)
        assert counts(**{"from": today + day}) == (0, 0, 0)
        assert counts(to=today - day) == (0, 0, 0)
        assert counts(**{"from": "0001-01-01", "to": "tomorrow"}) == (1, 1, 2)
        early = first.submitted_at.astimezone(tokyo).replace(hour=0, minute=0, second=0, microsecond=0)
        Order.objects.filter(pk=first.id).update(submitted_at=early)
        assert counts(**{"from": early.date()})[0] == 1
        Order.objects.filter(pk=first.id).update(submitted_at=early - timedelta(microseconds=1))
        assert counts(**{"from": early.date()})[0] == 0

    def test_say_so_where_nothing_is_left(self, desk, resting):
        text = desk.get(reverse("trading:index"), {"to": "2001-01-01"}).content.decode()
        assert text.count("None in this selection.") == 3
        assert 'value="2001-01-01"' in text
        assert "Cancel all" not in text


def test_asking_to_cancel_all_counts_those_it_does_not_name(desk, resting, monkeypatch):
    monkeypatch.setattr(blotter, "_NAMED", 2)
    assert "and 1 more" in desk.get(reverse("trading:cancel_all")).content.decode()


class TestOnAnInstrumentsPage:
    def test_what_is_open_of_it_is_shown_to_its_owner(self, desk, resting, shares):
        address = reverse("trading:of_instrument", args=[shares["MMM"].pk])
        assert address in desk.get(reverse("marketdata:detail", args=[shares["MMM"].pk])).content.decode()
        text = desk.get(address).content.decode()
        assert reverse("trading:detail", args=[resting[0].id]) in text
        assert "AAA" not in text
        assert "above the limit" in text

    def test_nobody_elses_is(self, client, outsider, resting, shares):
        client.force_login(outsider)
        answer = client.get(reverse("trading:of_instrument", args=[shares["MMM"].pk]))
        assert answer.status_code == 200
        assert answer.content.strip() == b""

    def test_one_that_is_not_to_be_seen_is_not_found(self, desk, outsider):
        private = make_instrument("HOUSE", owner=outsider)
        assert desk.get(reverse("trading:of_instrument", args=[private.pk])).status_code == 404

    def test_costs_little(self, desk, account, trader, shares, django_assert_max_num_queries):
        for at in range(8):
            order(account, trader, shares["MMM"], limit_price=50 + at)
        address = reverse("trading:of_instrument", args=[shares["MMM"].pk])
        desk.get(address)
        with django_assert_max_num_queries(6):
            assert "and 3 more" in desk.get(address).content.decode()
