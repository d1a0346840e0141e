"""What pages of the market show of a person's books: their own, open or once held, and nobody else's."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection, transaction

from holdings.models import ActionProposal
from holdings.operations import archive_portfolio, lock_portfolio, post_trade, void_transaction
from holdings.operations.actions import book_proposal
from holdings.queries.for_markets import bound_to_simulated_prices, held_instruments
from holdings.tests.support import NOW, make_instrument, make_portfolio, post
from marketdata.models import CorporateAction
from marketdata.operations import instruments_that_matter, price_sources, used_at_simulated_prices
from marketdata.operations.history import announce_actions
from marketdata.operations.switching import switch_to_real
from marketdata.providers.base import QuoteData
from marketdata.queries import held_by, held_of, trades_of

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def books(owner, acme):
    long_run, other = make_portfolio(owner), make_portfolio(owner, name="Other", base_currency="USD")
    bond = make_instrument("BOND", quote_unit="percent")
    post(long_run, "buy", "2026-01-05", instrument_id=acme.pk, quantity="10", price="100")
    post(long_run, "sell", "2026-02-05", instrument_id=acme.pk, quantity="4", price="150")
    post(other, "buy", "2026-01-07", instrument_id=acme.pk, quantity="2", price="110")
    post(other, "buy", "2026-01-08", instrument_id=bond.pk, quantity="5000", price="98")
    return long_run, other, acme, bond


class TestHeld:
    def test_tells_what_is_open_by_portfolio(self, books, owner, django_assert_num_queries):
        long_run, _, acme, bond = books
        with django_assert_num_queries(2):
            found = held_by(owner)
        assert [(view.portfolio, view.instrument_id, view.quantity) for view in found] == [
            ("Long run", acme.pk, D(6)),
            ("Other", acme.pk, D(2)),
            ("Other", bond.pk, D(5000)),
        ]
        first = found[0]
        assert (first.average_cost, first.value_at(D(120)), first.realised_gain) == (D(100), D(720), D(200))
        assert first.url == f"/portfolios/{long_run.pk}/holdings/{acme.pk}/"

    def test_bonds_are_worth_percents_of_their_nominal(self, books, owner):
        [view] = held_of(owner, books[3].pk)
        assert (view.average_cost, view.value_at(D(99))) == (D(98), D(4950))

    def test_tells_of_one_instrument_also_what_was_closed(self, books, owner):
        _, other, acme, _ = books
        post(other, "sell", "2026-03-02", instrument_id=acme.pk, quantity="2", price="120")
        assert [(view.portfolio, view.quantity) for view in held_of(owner, acme.pk)] == [
            ("Long run", D(6)),
            ("Other", D(0)),
        ]
        assert [view.portfolio for view in held_by(owner) if view.instrument_id == acme.pk] == ["Long run"]
        assert held_of(owner, acme.pk)[1].average_cost is None

    def test_archived_portfolios_are_put_away(self, books, owner):
        archive_portfolio(portfolio_id=books[0].pk, actor=owner, now=NOW)
        assert [view.portfolio for view in held_of(owner, books[2].pk)] == ["Other"]
        assert {trade.portfolio for trade in trades_of(owner, books[2].pk)} == {"Other"}

    def test_others_have_nothing_not_even_auditors(self, books, outsider, auditor):
        for person in (outsider, auditor):
            assert held_by(person) == held_of(person, books[2].pk) == trades_of(person, books[2].pk) == []


class TestTrades:
    def test_come_oldest_first_with_the_day_of_the_portfolio(self, books, owner):
        found = trades_of(owner, books[2].pk)
        assert [(trade.day, trade.side, trade.quantity, trade.price) for trade in found] == [
            (date(2026, 1, 5), "buy", D(10), D(100)),
            (date(2026, 1, 7), "buy", D(2), D(110)),
            (date(2026, 2, 5), "sell", D(4), D(150)),
        ]
        assert {trade.at for trade in found} == {None}

    def test_of_many_the_latest(self, books, owner):
        assert [trade.day for trade in trades_of(owner, books[2].pk, limit=1)] == [date(2026, 2, 5)]

    def test_what_was_voided_does_not_count(self, books, owner):
        extra = post(books[1], "buy", "2026-04-01", instrument_id=books[2].pk, quantity="1", price="1")
        void_transaction(
            portfolio_id=books[1].pk, transaction_id=extra.pk, actor=owner, reason="mistake", now=NOW
        )
        assert date(2026, 4, 1) not in {trade.day for trade in trades_of(owner, books[2].pk)}


class TestInterest:
    def test_what_anybody_holds_has_its_price_kept_fresh(self, books, owner, django_assert_num_queries):
        long_run, other, acme, bond = books
        with django_assert_num_queries(1):
            assert set(held_instruments()) == {acme.pk, bond.pk}
        post(other, "sell", "2026-03-02", instrument_id=bond.pk, quantity="5000", price="99")
        assert set(held_instruments()) == {acme.pk}
        for portfolio in (long_run, other):
            archive_portfolio(portfolio_id=portfolio.pk, actor=owner, now=NOW)
        assert set(held_instruments()) == set()

    def test_is_registered(self, books):
        assert books[2].pk in instruments_that_matter()


class TestBoundToSimulatedPrices:
    def test_is_what_a_practice_account_or_the_demo_traded_in(self, books, owner, django_assert_num_queries):
        long_run, _, acme, bond = books
        demo, practised = make_instrument("DEMO"), make_instrument("PRACTISED")
        post(long_run, "buy", "2026-01-05", instrument_id=demo.pk, quantity="1", price="100", source="demo")
        trade(
            make_portfolio(owner, name="Practice", kind="paper", base_currency="USD", starting_cash=D(1000)),
            "buy",
            practised,
        )
        ids = [acme.pk, bond.pk, demo.pk, practised.pk]
        with django_assert_num_queries(3):
            assert bound_to_simulated_prices(ids) == {demo.pk, practised.pk}
        assert bound_to_simulated_prices([acme.pk]) == set()
        assert set(used_at_simulated_prices(ids)) == {demo.pk, practised.pk}

    def test_also_after_it_was_sold(self, owner, acme):
        practice = make_portfolio(
            owner, name="Practice", kind="paper", base_currency="USD", starting_cash=D(1000)
        )
        trade(practice, "buy", acme)
        trade(practice, "sell", acme)
        assert bound_to_simulated_prices([acme.pk]) == {acme.pk}


def trade(portfolio, side, instrument):
    """A fill, as the counter posts it."""
    with transaction.atomic():
        post_trade(
            portfolio_id=portfolio.pk,
            instrument_id=instrument.pk,
            side=side,
            quantity=D(1),
            price=D(100),
            fees=D(0),
            occurred_at=NOW,
            external_id=f"fill-{side}",
            actor=portfolio.owner,
            now=NOW,
        )


class TestSimulatedDividends:
    """A dividend of the simulated market that was booked binds its instrument to that market; one that was only proposed
    goes with it."""

    @pytest.fixture
    def proposed(self, owner, deliver_events, at_noon):
        share = make_instrument("MADEUP", provider="simulated")
        long_run = make_portfolio(owner, base_currency="USD")
        post(long_run, "buy", "2026-01-05", instrument_id=share.pk, quantity="10", price="100")
        fact = CorporateAction.objects.create(
            instrument=share, ex_date=date(2026, 3, 2), kind="dividend", value=D("0.5"), source="simulated"
        )
        announce_actions(share.pk, [fact.pk])
        deliver_events()
        return ActionProposal.objects.get(portfolio=long_run, kind="dividend", ex_date=fact.ex_date)

    def test_bind_once_they_are_booked(self, proposed):
        assert used_at_simulated_prices([proposed.instrument_id]) == {}
        book_proposal(
            portfolio_id=proposed.portfolio_id,
            proposal_id=proposed.pk,
            actor=proposed.portfolio.owner,
            now=NOW,
        )
        assert set(used_at_simulated_prices([proposed.instrument_id])) == {proposed.instrument_id}

    def test_that_are_not_booked_yet_are_no_longer_proposed_at_real_prices(self, proposed, deliver_events):
        quote = QuoteData(instrument_id=proposed.instrument_id, last=D(90), quoted_at=NOW, source="yahoo")
        assert switch_to_real(
            instrument_id=proposed.instrument_id,
            provider="yahoo",
            fallbacks=[],
            quote=quote,
            history=None,
            history_from=date(2016, 1, 1),
            now=NOW,
        )
        deliver_events()
        assert not ActionProposal.objects.filter(pk=proposed.pk).exists()


@pytest.mark.django_db(transaction=True)
class TestBookingAndTheSourcesOfPrices:
    def test_no_source_changes_while_something_is_booked(self, owner, monkeypatch):
        """Who books holds the portfolio; who changes a source, in another connection, waits until that is over."""
        monkeypatch.setattr(price_sources, "_PATIENCE_SECONDS", 0.1)
        portfolio = make_portfolio(owner, base_currency="USD")
        other = connection.copy()
        try:
            other.set_autocommit(False)
            with transaction.atomic():
                lock_portfolio(portfolio.pk)
                with other.cursor() as cursor, pytest.raises(price_sources.SourcesBusyError):
                    price_sources.change_sources(cursor)
            with other.cursor() as cursor:
                price_sources.change_sources(cursor)
        finally:
            other.rollback()
            other.close()
