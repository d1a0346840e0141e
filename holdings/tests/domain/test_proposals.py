"""Splits and dividends against the books: what was held, and which entry is one of them already."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from holdings.domain.ledger import Setup, in_order, market_of
from holdings.domain.proposals import (
    Action,
    Known,
    held_at,
    match_dividends,
    match_splits,
    moment_of_split,
)
from holdings.domain.types import Account, AccountKind, Instrument, Transaction, TransactionType

D = Decimal
X = "x"


def setup(zone: str = "UTC") -> Setup:
    instruments = {X: Instrument(id=X, currency="USD"), "y": Instrument(id="y", currency="USD")}
    return Setup(
        base_currency="USD",
        market=market_of(base_currency="USD", instruments=instruments, prices={}, fx={}, ordered=[]),
        instruments=instruments,
        accounts={name: Account(id=name, kind=AccountKind.SECURITIES, currency="USD") for name in "ab"},
        timezone=zone,
    )


def row(
    kind: str, day: str, quantity: str = "", *, account: str | None = "a", **fields: object
) -> Transaction:
    at = datetime.fromisoformat(day) if "T" in day else None
    return Transaction(
        id="1", type=TransactionType(kind), day=date.fromisoformat(day[:10]), currency="USD", at=at,
        account=account, cash_account=account, instrument=X, quantity=D(quantity) if quantity else None,
        **{"price": D(10), **fields} if kind in ("buy", "sell") else fields,
    )  # fmt: skip


def dividend(day: str, hour: int = 0) -> Action:
    on = date.fromisoformat(day)
    return Action(ex_date=on, effective=datetime(on.year, on.month, on.day, hour, tzinfo=UTC))


def split(day: str, ratio: str, *, missing: bool = False, hour: int = 0) -> Action:
    on = date.fromisoformat(day)
    return Action(
        ex_date=on, effective=datetime(on.year, on.month, on.day, hour, tzinfo=UTC), ratio=Fraction(ratio),
        is_missing=missing,
    )  # fmt: skip


def held(rows: list[Transaction], *actions: Action, zone: str = "UTC") -> list[Decimal]:
    return [found.quantity for found in held_at(setup(zone), in_order(rows, zone), X, actions)]


class TestWhatWasHeld:
    def test_who_buys_on_the_ex_date_gets_nothing_who_sells_on_it_does(self) -> None:
        rows = [row("buy", "2026-03-09", "10"), row("buy", "2026-03-10", "5"), row("sell", "2026-03-11", "3")]
        assert held(rows, dividend("2026-03-10"), dividend("2026-03-11"), dividend("2026-03-12")) == [
            10,
            15,
            12,
        ]

    def test_accounts_are_told_apart(self) -> None:
        rows = [row("buy", "2026-03-01", "10"), row("buy", "2026-03-02", "4", account="b")]
        (found,) = held_at(setup(), rows, X, [dividend("2026-03-10")])
        assert found.by_account == {"a": 10, "b": 4}

    def test_a_short_position_is_negative(self) -> None:
        assert held([row("sell", "2026-03-01", "10")], dividend("2026-03-10")) == [-10]

    def test_nothing_is_nothing(self) -> None:
        rows = [row("buy", "2026-03-01", "10"), row("sell", "2026-03-02", "10")]
        assert held(rows, dividend("2026-03-10")) == [0]

    def test_what_came_by_a_symbol_change_counts(self) -> None:
        bought = row("buy", "2026-03-01", "10")
        changed = row("symbol_change", "2026-03-05", account=None, to_instrument=X)
        rows = [
            Transaction(**{**_fields(bought), "instrument": "y"}),
            Transaction(**{**_fields(changed), "instrument": "y"}),
        ]
        assert held(rows, dividend("2026-03-10")) == [10]

    def test_a_split_in_the_books_changes_what_later_dividends_are_on(self) -> None:
        rows = [row("buy", "2026-03-01", "10"), row("split", "2026-03-10", account=None, ratio=Fraction(4))]
        assert held(rows, split("2026-03-10", "4"), dividend("2026-03-20")) == [10, 40]

    def test_a_split_that_is_not_in_the_books_counts_as_well(self) -> None:
        rows = [row("buy", "2026-03-01", "10"), row("buy", "2026-03-15", "8")]
        assert held(rows, split("2026-03-10", "4", missing=True), dividend("2026-03-20")) == [10, 48]

    def test_one_that_was_dismissed_does_not(self) -> None:
        rows = [row("buy", "2026-03-01", "10")]
        assert held(rows, split("2026-03-10", "4"), dividend("2026-03-20")) == [10, 10]

    @pytest.mark.parametrize("booked", [True, False])
    def test_a_dividend_of_the_day_of_a_split_is_in_new_shares(self, booked: bool) -> None:
        rows = [row("buy", "2026-03-01", "10")]
        if booked:
            rows.append(row("split", "2026-03-10", account=None, ratio=Fraction(4)))
        actions = split("2026-03-10", "4", missing=not booked), dividend("2026-03-10")
        assert held(rows, *actions) == [10, 40]

    def test_an_instant_is_compared_with_the_night_before_the_session(self) -> None:
        """In Sydney the New York session of 9 March ends on the morning of the 10th: bought in it, the dividend is due."""
        rows = [row("buy", "2026-03-10T05:00:00+11:00", "10")]
        assert held(rows, dividend("2026-03-10", hour=6), zone="Australia/Sydney") == [10]
        rows = [row("buy", "2026-03-11T02:00:00+11:00", "10")]
        assert held(rows, dividend("2026-03-10", hour=6), zone="Australia/Sydney") == [0]

    def test_a_transfer_of_a_day_may_stand_before_its_purchase(self) -> None:
        rows = [
            row("transfer", "2026-03-01", "10", to_account="b"),
            row("buy", "2026-03-01", "10"),
        ]
        (found,) = held_at(setup(), rows, X, [dividend("2026-03-10")])
        assert found.quantity == 10

    def test_an_entry_of_the_day_without_a_time_is_told(self) -> None:
        rows = [row("buy", "2026-03-01", "10"), row("buy", "2026-03-10", "5")]
        (found,) = held_at(setup(), rows, X, [split("2026-03-10", "4")])
        assert found.same_day


def _fields(tx: Transaction) -> dict[str, object]:
    return {name: getattr(tx, name) for name in Transaction.__dataclass_fields__}


class TestWhenASplitIsBooked:
    def test_on_its_ex_date(self) -> None:
        action = split("2026-03-10", "4", hour=6)
        (found,) = held_at(setup(), [row("buy", "2026-03-01", "10")], X, [action])
        assert moment_of_split(action, found, "UTC") == date(2026, 3, 10)

    def test_after_what_was_done_in_old_shares_far_away(self) -> None:
        action, zone = split("2026-03-10", "4", hour=6), "Australia/Sydney"
        rows = [row("buy", "2026-03-10T05:00:00+11:00", "10")]
        (found,) = held_at(setup(zone), rows, X, [action])
        assert moment_of_split(action, found, zone) == action.effective


def known(pk: int, day: str, amount: str | None = None, **fields: object) -> Known:
    return Known(
        id=pk,
        day=date.fromisoformat(day),
        amount=None if amount is None else D(amount),
        **fields,
    )


def due(*pairs: tuple[str, str]) -> list[tuple[date, Decimal]]:
    return [(date.fromisoformat(day), D(amount)) for day, amount in pairs]


def entries(found: list[object]) -> list[int | None]:
    return [each.entry for each in found]  # type: ignore[attr-defined]


class TestWhichEntryIsTheDividend:
    @pytest.mark.parametrize(
        ("day", "amount"),
        [
            ("2026-02-07", "9.99"),  # on the ex-date, whatever the amount
            ("2026-02-05", "20"),  # two days early
            ("2026-02-12", "8.50"),  # paid a few days later, net
            ("2026-03-14", "8.50"),  # paid five weeks later, net of 15 %
            ("2026-03-14", "10.40"),  # a little more by the exchange rate
        ],
    )
    def test_one_of_its_time_and_amount(self, day: str, amount: str) -> None:
        assert entries(match_dividends(due(("2026-02-07", "10")), [known(1, day, amount)])) == [1]

    @pytest.mark.parametrize(
        ("day", "amount"), [("2026-01-20", "10"), ("2026-05-20", "10"), ("2026-03-14", "40")]
    )
    def test_not_one_of_another(self, day: str, amount: str) -> None:
        assert entries(match_dividends(due(("2026-02-07", "10")), [known(1, day, amount)])) == [None]

    def test_another_amount_at_the_time_of_payment_raises_a_doubt(self) -> None:
        (found,) = match_dividends(due(("2026-02-07", "10")), [known(1, "2026-03-14", "40")])
        assert (found.entry, found.doubtful) == (None, 1)

    def test_an_entry_is_one_dividend_only(self) -> None:
        expected = due(("2026-02-07", "10"), ("2026-05-08", "10"))
        assert entries(match_dividends(expected, [known(1, "2026-02-20", "10")])) == [1, None]

    def test_monthly_ones_find_each_their_own(self) -> None:
        expected = due(("2026-01-15", "10"), ("2026-02-15", "10"), ("2026-03-15", "10"))
        paid = [known(1, "2026-01-30", "10"), known(3, "2026-03-30", "10")]
        assert entries(match_dividends(expected, paid)) == [1, None, 3]

    def test_paid_in_units_counts(self) -> None:
        assert entries(
            match_dividends(due(("2026-02-07", "10")), [known(1, "2026-02-20", quantity=D("0.2"))])
        ) == [1]


class TestWhichEntryIsTheSplit:
    def expected(self, ratio: str = "4", quantity: str = "10") -> list[tuple[date, Fraction, Decimal]]:
        return [(date(2020, 8, 31), Fraction(ratio), D(quantity))]

    @pytest.mark.parametrize(
        ("day", "ratio"), [("2020-08-31", "4"), ("2020-09-08", "4"), ("2020-08-28", "4"), ("2020-09-01", "3")]
    )
    def test_a_split_about_its_ex_date(self, day: str, ratio: str) -> None:
        found = match_splits(self.expected(), [known(1, day, ratio=Fraction(ratio))])
        assert entries(found) == [1]

    @pytest.mark.parametrize(("day", "ratio"), [("2020-10-08", "4"), ("2020-09-08", "2")])
    def test_not_another_one(self, day: str, ratio: str) -> None:
        found = match_splits(self.expected(), [known(1, day, ratio=Fraction(ratio))])
        assert entries(found) == [None]

    def test_the_new_shares_alone_as_some_brokers_book_it(self) -> None:
        assert entries(match_splits(self.expected(), [known(1, "2020-09-01", quantity=D(30))])) == [1]
        assert entries(match_splits(self.expected(), [known(1, "2020-09-01", quantity=D(7))])) == [None]
