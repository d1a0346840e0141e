"""Daily history: fetched once when it is wanted, continued, checked, completed, and never silently rewritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from marketdata import operations, queries
from marketdata.domain.bar_checks import checked_bars
from marketdata.events import CorporateActionFound, HistoryFetched, HistoryRequested
from marketdata.models import (
    CorporateAction,
    HistoryGap,
    HistoryJob,
    HistoryStatus,
    Instrument,
    IntradayBar,
    PriceBar,
    ProviderHealth,
    Restatement,
)
from marketdata.operations.gateway import calling
from marketdata.operations.history import extending
from marketdata.providers.base import (
    BarData,
    Capability,
    IntradayBarData,
    ProviderUnavailable,
    RateLimited,
    SymbolUnknown,
)
from marketdata.tests.conftest import NOW, bar
from marketdata.tests.history_source import HistorySource, listed
from marketdata.tests.scripted import forget_gateway
from portfolio_site.kernel.errors import ForbiddenError
from portfolio_site.kernel.events import Event
from portfolio_site.kernel.events.registry import name_of
from portfolio_site.kernel.models import OutboxEvent

pytestmark = pytest.mark.django_db
D = Decimal
TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)
TEN_YEARS = date(2016, 1, 1)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten years of exchange rates are another matter, and take their time; so do pauses before another try."""
    forget_gateway()
    monkeypatch.setattr(calling, "_sleep", lambda _seconds: None)
    monkeypatch.setattr(extending, "fill_simulated_rates", lambda *_: 0)


@pytest.fixture
def source() -> Iterator[HistorySource]:
    provider = HistorySource()
    with listed(provider):
        yield provider


@pytest.fixture
def acme(make_instrument: Callable[..., Instrument], source: HistorySource) -> Instrument:
    return make_instrument("ACME", provider="scripted", exchange="XNAS")


def closes(instrument: Instrument) -> dict[str, Decimal]:
    rows = PriceBar.objects.filter(instrument=instrument).order_by("date")
    return {day.isoformat(): close for day, close in rows.values_list("date", "close")}


def announced(kind: type[Event]) -> list[dict[str, Any]]:
    return [row.payload for row in OutboxEvent.objects.filter(name=name_of(kind)).order_by("pk")]


def fetch(instrument: Instrument, **options: Any) -> HistoryJob:
    job = operations.request_history(instrument_id=instrument.pk, reason="opened", now=NOW, **options)
    assert job is not None
    done = operations.fetch_history(job_id=job.pk, now=NOW)
    assert done is not None
    return done


def watch(owner: Any, *instruments: Instrument) -> None:
    """What somebody watches is kept up to date; no job is left waiting."""
    operations.create_watchlist(
        owner=owner, name="Mine", now=NOW, instrument_ids=[instrument.pk for instrument in instruments]
    )
    HistoryJob.objects.all().delete()


class TestFirstUse:
    def test_brings_ten_years_the_last_one_first(self, acme: Instrument, source: HistorySource) -> None:
        for day in ("2016-03-01", "2024-03-01", "2026-11-18", "2026-11-19", "2026-11-20"):
            source.close(day, "100")
        source.action("2024-03-01", "dividend", "1")
        source.action("2026-11-20", "split", "2")
        job = fetch(acme)
        # Today's bar is not over.
        assert list(closes(acme)) == ["2016-03-01", "2024-03-01", "2026-11-18", "2026-11-19"]
        assert [span[0] for span in source.asked] == [TODAY - timedelta(days=366), TEN_YEARS]
        assert (job.state, job.progress, job.bars_added, job.actions_added) == ("done", 100, 4, 2)
        assert job.source == "scripted"
        status = HistoryStatus.objects.get(instrument=acme)
        assert (status.asked_from, status.asked_through) == (TEN_YEARS, YESTERDAY)

    def test_several_who_want_it_get_one_job(self, acme: Instrument) -> None:
        first = operations.request_history(instrument_id=acme.pk, reason="opened", now=NOW)
        second = operations.request_history(
            instrument_id=acme.pk, reason="held", now=NOW + timedelta(seconds=1)
        )
        assert first is not None
        assert second is not None
        assert first.pk == second.pk
        assert len(announced(HistoryRequested)) == 1

    def test_two_workers_do_it_once(self, acme: Instrument, source: HistorySource) -> None:
        job = operations.request_history(instrument_id=acme.pk, reason="opened", now=NOW)
        assert job is not None
        assert operations.fetch_history(job_id=job.pk, now=NOW) is not None
        assert operations.fetch_history(job_id=job.pk, now=NOW) is None

    def test_is_not_wanted_again_when_it_is_here(self, acme: Instrument) -> None:
        fetch(acme)
        assert operations.request_history(instrument_id=acme.pk, reason="opened", now=NOW) is None

    def test_somebody_who_held_it_earlier_wants_more(self, acme: Instrument, source: HistorySource) -> None:
        fetch(acme)
        source.close("2009-05-04", "12")
        fetch(acme, since=date(2009, 1, 1))
        assert "2009-05-04" in closes(acme)

    def test_what_has_no_source_with_a_history_needs_no_job(
        self, make_instrument: Callable[..., Instrument]
    ) -> None:
        flat = make_instrument("FLAT", provider="manual")
        assert operations.request_history(instrument_id=flat.pk, reason="opened", now=NOW) is None

    def test_the_first_source_that_knows_it_is_taken(
        self, make_instrument: Callable[..., Instrument], source: HistorySource
    ) -> None:
        other = HistorySource("other")
        other.close("2026-11-19", "7")
        source.error = SymbolUnknown("no such symbol")
        acme = make_instrument("ACME", provider="scripted", fallback_providers=["simulated", "other"])
        with listed(other):
            job = fetch(acme)
        assert job.source == "other"
        assert PriceBar.objects.get(instrument=acme).source == "other"

    def test_minutes_come_where_the_source_keeps_them(self, acme: Instrument, source: HistorySource) -> None:
        source.capabilities |= {Capability.INTRADAY}
        at = NOW.replace(second=0) - timedelta(hours=2)
        source.minutes = [IntradayBarData(at=at, open=D(1), high=D(2), low=D(1), close=D(2), volume=D(3))]
        fetch(acme)
        assert IntradayBar.objects.get(instrument=acme).at == at

    def test_tells_when_it_is_over(self, acme: Instrument, source: HistorySource) -> None:
        source.close("2026-11-19", "7")
        fetch(acme)
        (told,) = announced(HistoryFetched)
        assert (told["instrument_id"], told["is_done"], told["bars_added"]) == (acme.pk, True, 1)


class TestTrouble:
    def test_a_source_that_fails_ends_the_job_with_the_reason(
        self, acme: Instrument, source: HistorySource
    ) -> None:
        source.error = ProviderUnavailable("it does not answer")
        job = fetch(acme)
        assert (job.state, job.error) == ("failed", "it does not answer")
        assert queries.history_trouble([acme.pk]) == {acme.pk: "it does not answer"}
        assert not PriceBar.objects.exists()

    def test_after_a_failure_it_is_left_alone_for_an_hour_unless_asked(
        self, acme: Instrument, source: HistorySource
    ) -> None:
        source.error = ProviderUnavailable("it does not answer")
        fetch(acme)
        soon, later = NOW + timedelta(minutes=30), NOW + timedelta(minutes=61)
        assert operations.request_history(instrument_id=acme.pk, reason="opened", now=soon) is None
        assert operations.request_history(instrument_id=acme.pk, reason="again", now=soon, again=True)
        HistoryJob.objects.all().delete()
        assert operations.request_history(instrument_id=acme.pk, reason="opened", now=later)

    def test_a_source_that_wants_to_be_left_alone_is_asked_later(
        self, acme: Instrument, source: HistorySource
    ) -> None:
        source.error = RateLimited("too many requests", retry_after=90)
        job = fetch(acme)
        assert (job.state, job.not_before) == ("queued", NOW + timedelta(seconds=90))
        soon, then = NOW + timedelta(seconds=60), NOW + timedelta(seconds=91)
        assert operations.waiting_history_jobs(now=soon) == []
        assert operations.waiting_history_jobs(now=then) == [job.pk]
        ProviderHealth.objects.all().delete()
        forget_gateway()
        source.error = None
        source.close("2026-11-19", "7")
        done = operations.fetch_history(job_id=job.pk, now=then)
        assert done is not None
        assert (done.state, done.error, done.attempts) == ("done", "", 2)

    def test_one_that_always_wants_to_be_left_alone_is_given_up(
        self, acme: Instrument, source: HistorySource
    ) -> None:
        source.error = RateLimited("too many requests", retry_after=10)
        job, now = fetch(acme), NOW
        for _ in range(4):
            now += timedelta(minutes=1)
            operations.fetch_history(job_id=job.pk, now=now)
        job.refresh_from_db()
        assert (job.state, job.attempts) == ("failed", 5)

    def test_a_job_whose_worker_is_gone_is_taken_up(self, acme: Instrument, source: HistorySource) -> None:
        job = operations.request_history(instrument_id=acme.pk, reason="opened", now=NOW)
        assert job is not None
        HistoryJob.objects.update(state="running", beat_at=NOW, attempts=1)
        later = NOW + timedelta(minutes=4)
        assert operations.fetch_history(job_id=job.pk, now=NOW + timedelta(minutes=1)) is None
        assert operations.waiting_history_jobs(now=later) == [job.pk]
        assert operations.fetch_history(job_id=job.pk, now=later) is not None


class TestBadAnswers:
    def day(self, day: str, close: str, *rest: str) -> BarData:
        told = [D(value) for value in rest] or [None, None, None]
        return BarData(date=date.fromisoformat(day), open=told[0], high=told[1], low=told[2], close=D(close))

    @pytest.mark.parametrize(
        ("faulty", "reason"),
        [
            (("NaN",), "not a number"),
            (("-3",), "not positive"),
            (("0",), "not positive"),
            (("1e13",), "absurdly high"),
            (("5", "5", "4", "6"), "low 6 is above the high 4"),
            (("9", "5", "6", "4"), "close 9 is outside low..high"),
            (("5", "1", "6", "4"), "open 1 is outside low..high"),
            (("5", "Infinity", "6", "4"), "open is not a number"),
        ],
    )
    def test_impossible_days_are_left_out_and_told(self, faulty: tuple[str, ...], reason: str) -> None:
        good, faults = checked_bars(
            [self.day("2026-01-05", "5"), self.day("2026-01-06", *faulty), self.day("2026-01-07", "5")],
            start=date(2026, 1, 1),
            end=YESTERDAY,
        )
        assert [b.date.day for b in good] == [5, 7]
        assert len(faults) == 1
        assert "2026-01-06" in faults[0]
        assert reason in faults[0]

    def test_double_and_unordered_days_come_once_and_in_order(self) -> None:
        given = [("2026-01-07", "7"), ("2026-01-05", "5"), ("2026-01-07", "7"), ("2026-01-05", "5.5")]
        good, faults = checked_bars(
            [self.day(*each) for each in given], start=date(2026, 1, 1), end=YESTERDAY
        )
        assert [(b.date.day, b.close) for b in good] == [(5, D("5.5")), (7, D(7))]
        assert faults == ["2026-01-05: there are two different bars, the later one was taken"]

    def test_days_that_were_not_asked_for_are_left_out(self) -> None:
        given = [("1066-10-14", "7"), ("2026-01-05", "5"), ("2026-11-20", "5"), ("2199-01-01", "5")]
        good, _ = checked_bars([self.day(*each) for each in given], start=date(2026, 1, 1), end=YESTERDAY)
        assert [b.date for b in good] == [date(2026, 1, 5)]

    def test_a_close_that_leaps_away_and_back_is_a_slip(self) -> None:
        given = [("2026-01-05", "10"), ("2026-01-06", "1000"), ("2026-01-07", "10.2"), ("2026-01-08", "0.1"),
                 ("2026-01-09", "10.1")]  # fmt: skip
        good, faults = checked_bars(
            [self.day(*each) for each in given], start=date(2026, 1, 1), end=YESTERDAY
        )
        assert [b.date.day for b in good] == [5, 7, 9]
        assert len(faults) == 2

    def test_a_price_that_stays_where_it_leapt_is_one(self) -> None:
        given = [("2026-01-05", "10"), ("2026-01-06", "1000"), ("2026-01-07", "1010")]
        good, faults = checked_bars(
            [self.day(*each) for each in given], start=date(2026, 1, 1), end=YESTERDAY
        )
        assert (len(good), faults) == (3, [])

    def test_figures_that_were_rounded_apart_are_put_together(self) -> None:
        (found,), faults = checked_bars(
            [self.day("2026-01-05", "129.04", "127", "129.0399", "126")],
            start=date(2026, 1, 1),
            end=YESTERDAY,
        )
        assert (found.high, faults) == (D("129.04"), [])

    def test_a_volume_that_cannot_be_is_forgotten(self) -> None:
        for volume in (D(-1), D("NaN")):
            given = BarData(date=date(2026, 1, 5), open=None, high=None, low=None, close=D(5), volume=volume)
            (found,), _ = checked_bars([given], start=date(2026, 1, 1), end=YESTERDAY)
            assert found.volume is None

    def test_facts_that_cannot_be_are_left_out(self, acme: Instrument, source: HistorySource) -> None:
        for kind, value in (("split", "1"), ("split", "-2"), ("dividend", "0"), ("dividend", "NaN")):
            source.action("2026-11-05", kind, value)
        source.action("2026-11-25", "dividend", "3")
        fetch(acme)
        assert not CorporateAction.objects.exists()


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


MISSING = ("2026-11-06", "2026-11-09", "2026-11-12")
US_HOLIDAYS = (
    "2025-12-25", "2026-01-01", "2026-01-19", "2026-02-16", "2026-04-03", "2026-05-25", "2026-06-19",
    "2026-07-03", "2026-09-07",
)  # fmt: skip


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
