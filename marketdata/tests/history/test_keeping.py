"""History of an instrument: carried on every day, its gaps filled, what a source restates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from marketdata import operations, queries
from marketdata.events import CorporateActionFound
from marketdata.models import (
    CorporateAction,
    HistoryGap,
    HistoryStatus,
    Instrument,
    PriceBar,
    Restatement,
)
from marketdata.providers.base import (
    RateLimited,
)
from marketdata.tests.conftest import NOW, bar
from marketdata.tests.history.support import (
    MISSING,
    TODAY,
    US_HOLIDAYS,
    YESTERDAY,
    D,
    announced,
    closes,
    fetch,
    watch,
)
from marketdata.tests.history_source import HistorySource
from portfolio_site.kernel.errors import ForbiddenError

pytestmark = pytest.mark.django_db


class TestEveryDay:
    @pytest.fixture(autouse=True)
    def _watched(self, acme: Instrument, owner: Any) -> None:
        watch(owner, acme)

    def test_goes_on_from_the_newest_bar_and_looks_back_a_week(
        self, acme: Instrument, source: HistorySource
    ) -> None:
        source.close("2026-11-18", "100")
        fetch(acme)
        source.close("2026-11-20", "101")
        source.asked.clear()
        added = operations.backfill_history(now=NOW + timedelta(days=1))
        assert added.bars == 1
        assert source.asked == [(date(2026, 11, 11), date(2026, 11, 21))]

    def test_is_asked_once_a_day(self, acme: Instrument, source: HistorySource) -> None:
        fetch(acme)
        tomorrow = NOW + timedelta(days=1)
        operations.backfill_history(now=tomorrow)
        source.asked.clear()
        operations.backfill_history(now=tomorrow + timedelta(hours=1))
        assert source.asked == []

    def test_what_matters_to_nobody_goes_on_once_a_week(
        self, make_instrument: Callable[..., Instrument], source: HistorySource
    ) -> None:
        fetch(make_instrument("OTHER", provider="scripted"))
        source.asked.clear()
        operations.backfill_history(now=NOW + timedelta(days=3))
        assert source.asked == []
        operations.backfill_history(now=NOW + timedelta(days=8))
        assert len(source.asked) == 1

    def test_what_nobody_used_is_not_asked_for(self, acme: Instrument, source: HistorySource) -> None:
        operations.backfill_history(now=NOW)
        assert source.asked == []

    def test_a_source_at_its_limit_is_not_asked_about_the_next(
        self, acme: Instrument, make_instrument: Callable[..., Instrument], source: HistorySource
    ) -> None:
        fetch(acme)
        other = make_instrument("OTHER", provider="scripted")
        fetch(other)
        HistoryStatus.objects.update(asked_at=NOW - timedelta(days=8))
        source.error = RateLimited("too many requests")
        source.asked.clear()
        operations.backfill_history(now=NOW + timedelta(days=1))
        assert len(source.asked) == 1

    def test_new_splits_and_dividends_are_announced_once(
        self, acme: Instrument, source: HistorySource
    ) -> None:
        source.close("2026-11-18", "100")
        source.action("2026-11-18", "dividend", "1")
        fetch(acme)
        source.action("2026-11-20", "split", "2")
        operations.backfill_history(now=NOW + timedelta(days=1))
        operations.backfill_history(now=NOW + timedelta(days=2))
        told = announced(CorporateActionFound)
        ids = list(CorporateAction.objects.order_by("ex_date").values_list("pk", flat=True))
        assert [event["action_ids"] for event in told] == [[ids[0]], [ids[1]]]


class TestGaps:
    @pytest.fixture
    def holed(self, acme: Instrument, source: HistorySource) -> Instrument:
        """Every weekday of four weeks but three."""
        source.weekdays(date(2026, 10, 26), YESTERDAY)
        source.days = [b for b in source.days if b.date.isoformat() not in MISSING]
        fetch(acme)
        return acme

    def test_are_the_trading_days_without_a_bar(self, holed: Instrument, owner: Any) -> None:
        operations.find_gaps(now=NOW, ask=False)
        found = queries.gaps_for(owner)
        assert [(gap.first.isoformat(), gap.last.isoformat(), gap.days) for gap in found] == [
            ("2026-11-06", "2026-11-09", 2),
            ("2026-11-12", "2026-11-12", 1),
        ]

    def test_a_holiday_is_none(self, acme: Instrument, source: HistorySource, owner: Any) -> None:
        source.weekdays(date(2025, 12, 22), YESTERDAY)
        source.days = [b for b in source.days if b.date.isoformat() not in US_HOLIDAYS]
        fetch(acme)
        operations.find_gaps(now=NOW, ask=False)
        assert queries.gaps_for(owner) == []

    def test_coins_trade_on_weekends(
        self, make_instrument: Callable[..., Instrument], source: HistorySource, owner: Any
    ) -> None:
        coin = make_instrument("BTC-USD", provider="scripted", asset_class="crypto")
        source.weekdays(date(2026, 11, 9), YESTERDAY)
        fetch(coin)
        operations.find_gaps(now=NOW, ask=False)
        (gap,) = queries.gaps_for(owner)
        assert (gap.first, gap.last) == (date(2026, 11, 14), date(2026, 11, 15))

    def test_without_a_calendar_single_days_are_taken_for_holidays(
        self, make_instrument: Callable[..., Instrument], source: HistorySource, owner: Any
    ) -> None:
        gold = make_instrument("GOLD", provider="scripted", asset_class="commodity")
        source.weekdays(date(2026, 10, 26), YESTERDAY)
        source.days = [b for b in source.days if b.date.isoformat() not in MISSING]
        fetch(gold)
        operations.find_gaps(now=NOW, ask=False)
        assert queries.gaps_for(owner) == []

    def test_are_asked_for_and_filled(self, holed: Instrument, source: HistorySource, owner: Any) -> None:
        for day in MISSING:
            source.close(day, "100")
        source.asked.clear()
        operations.find_gaps(now=NOW)
        assert set(MISSING) <= set(closes(holed))
        assert queries.gaps_for(owner) == []
        assert source.asked == [(date(2026, 11, 6), date(2026, 11, 12))]

    def test_what_nobody_has_is_not_asked_for_again(
        self, holed: Instrument, source: HistorySource, owner: Any
    ) -> None:
        operations.find_gaps(now=NOW)
        assert queries.gaps_for(owner) == []
        assert [gap.is_final for gap in queries.gaps_for(owner, with_final=True)] == [True, True]
        source.asked.clear()
        operations.find_gaps(now=NOW + timedelta(days=1))
        assert source.asked == []
        source.close("2026-11-12", "100")
        assert operations.ask_for_gaps(instrument_id=holed.pk, now=NOW, again=True) == 1
        assert HistoryGap.objects.count() == 1

    def test_of_other_peoples_things_are_not_shown(
        self, holed: Instrument, owner: Any, outsider: Any, auditor: Any
    ) -> None:
        operations.find_gaps(now=NOW, ask=False)
        Instrument.objects.filter(pk=holed.pk).update(owner=owner)
        assert [len(queries.gaps_for(user)) for user in (owner, outsider, auditor)] == [2, 0, 2]


class TestRestatements:
    @pytest.fixture(autouse=True)
    def _watched(self, acme: Instrument, owner: Any) -> None:
        watch(owner, acme)

    @pytest.fixture
    def admin(self, outsider: Any) -> Any:
        outsider.user_permissions.add(Permission.objects.get(codename="change_pricebar"))
        return outsider

    @pytest.fixture
    def told(self, acme: Instrument, source: HistorySource) -> Instrument:
        for day, close in (("2026-11-16", "100"), ("2026-11-17", "102"), ("2026-11-18", "104")):
            source.close(day, close)
        fetch(acme)
        return acme

    def extend(self, days: int = 1) -> None:
        operations.backfill_history(now=NOW + timedelta(days=days))

    def test_nothing_is_overwritten(self, told: Instrument, source: HistorySource, owner: Any) -> None:
        source.close("2026-11-17", "103")
        self.extend()
        assert closes(told)["2026-11-17"] == D(102)
        (found,) = queries.restatements_for(owner)
        assert (found.source, found.days, found.first, found.state) == (
            "scripted", 1, date(2026, 11, 17), "open",
        )  # fmt: skip
        (day,) = queries.restated_days(found.id)
        assert (day.old_close, day.close) == (D(102), D(103))

    def test_rounding_is_none(self, told: Instrument, source: HistorySource, owner: Any) -> None:
        source.close("2026-11-17", "102.01")
        self.extend()
        assert queries.restatements_for(owner) == []

    def test_a_split_nobody_told_of_is_seen_by_its_factor(
        self, told: Instrument, source: HistorySource, owner: Any
    ) -> None:
        for day, close in (("2026-11-16", "25"), ("2026-11-17", "25.5"), ("2026-11-18", "26")):
            source.close(day, close)
        self.extend()
        (found,) = queries.restatements_for(owner)
        assert (found.days, found.factor) == (3, D("0.25"))

    def test_said_again_it_is_the_same_one(self, told: Instrument, source: HistorySource, owner: Any) -> None:
        source.close("2026-11-17", "103")
        self.extend(1)
        self.extend(2)
        (found,) = queries.restatements_for(owner)
        assert found.seen_at == NOW + timedelta(days=2)

    def test_it_is_gone_when_the_source_agrees_again(
        self, told: Instrument, source: HistorySource, owner: Any
    ) -> None:
        source.close("2026-11-17", "103")
        self.extend(1)
        source.close("2026-11-17", "102")
        self.extend(2)
        assert queries.restatements_for(owner) == []
        assert Restatement.objects.get().state == "gone"

    def test_taken_over_it_changes_prices_and_keeps_the_old_ones(
        self, told: Instrument, source: HistorySource, admin: Any
    ) -> None:
        source.close("2026-11-17", "103")
        self.extend()
        before = queries.close_on(told.pk, TODAY)
        found = operations.accept_restatement(
            restatement_id=Restatement.objects.get().pk, actor=admin, now=NOW
        )
        assert closes(told)["2026-11-17"] == D(103)
        assert PriceBar.objects.get(instrument=told, date="2026-11-17").source == "scripted, restated"
        (day,) = queries.restated_days(found.pk)
        assert (found.state, day.old_close) == ("accepted", D(102))
        after = queries.close_on(told.pk, TODAY)
        assert before is not None
        assert after is not None
        assert after.revision > before.revision
        self.extend(2)
        assert queries.restatements_for(admin) == []

    def test_kept_it_is_not_brought_up_again_until_something_else_is_said(
        self, told: Instrument, source: HistorySource, admin: Any
    ) -> None:
        source.close("2026-11-17", "103")
        self.extend(1)
        operations.keep_against_restatement(restatement_id=Restatement.objects.get().pk, actor=admin, now=NOW)
        self.extend(2)
        assert queries.restatements_for(admin) == []
        source.close("2026-11-17", "99")
        self.extend(3)
        assert len(queries.restatements_for(admin)) == 1
        assert closes(told)["2026-11-17"] == D(102)

    def test_is_decided_about_once(self, told: Instrument, source: HistorySource, admin: Any) -> None:
        source.close("2026-11-17", "103")
        self.extend()
        pk = Restatement.objects.get().pk
        operations.keep_against_restatement(restatement_id=pk, actor=admin, now=NOW)
        with pytest.raises(operations.RestatementRefused):
            operations.accept_restatement(restatement_id=pk, actor=admin, now=NOW)

    def test_of_shared_things_traders_do_not_decide(
        self, told: Instrument, source: HistorySource, owner: Any
    ) -> None:
        source.close("2026-11-17", "103")
        self.extend()
        with pytest.raises(ForbiddenError):
            operations.accept_restatement(restatement_id=Restatement.objects.get().pk, actor=owner, now=NOW)

    def test_of_ones_own_things_one_decides_oneself_and_nobody_else(
        self, told: Instrument, source: HistorySource, owner: Any, admin: Any
    ) -> None:
        Instrument.objects.filter(pk=told.pk).update(owner=owner)
        source.close("2026-11-17", "103")
        self.extend()
        pk = Restatement.objects.get().pk
        with pytest.raises(operations.RestatementUnknown):
            operations.accept_restatement(restatement_id=pk, actor=admin, now=NOW)
        assert operations.accept_restatement(restatement_id=pk, actor=owner, now=NOW).state == "accepted"

    def test_another_source_may_differ_a_little(
        self, told: Instrument, source: HistorySource, owner: Any
    ) -> None:
        PriceBar.objects.filter(instrument=told).update(source="file prices")
        source.close("2026-11-17", "102.9")
        self.extend(1)
        assert queries.restatements_for(owner) == []
        source.close("2026-11-17", "104.5")
        self.extend(2)
        assert len(queries.restatements_for(owner)) == 1


class TestRevision:
    def test_an_older_bar_that_changes_is_seen_in_the_last_close(
        self, make_instrument: Callable[..., Instrument], owner: Any
    ) -> None:
        flat = make_instrument("FLAT", owner=owner)
        bar(flat, "2026-11-02", "10")
        before = queries.close_on(flat.pk, TODAY)
        operations.record_price(instrument_id=flat.pk, day=date(2020, 1, 2), price=D(5), actor=owner, now=NOW)
        after = queries.close_on(flat.pk, TODAY)
        assert before is not None
        assert after is not None
        assert (before.price, before.date) == (after.price, after.date)
        assert before.revision != after.revision
