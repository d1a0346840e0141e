"""History of an instrument: fetched when it is first used, with trouble and bad answers on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from marketdata import operations, queries
from marketdata.domain.bar_checks import checked_bars
from marketdata.events import HistoryFetched, HistoryRequested
from marketdata.models import (
    CorporateAction,
    HistoryJob,
    HistoryStatus,
    Instrument,
    IntradayBar,
    PriceBar,
    ProviderHealth,
)
from marketdata.providers.base import (
    BarData,
    Capability,
    IntradayBarData,
    ProviderUnavailable,
    RateLimited,
    SymbolUnknown,
)
from marketdata.tests.conftest import NOW
from marketdata.tests.history.support import (
    TEN_YEARS,
    TODAY,
    YESTERDAY,
    D,
    announced,
    closes,
    fetch,
)
from marketdata.tests.history_source import HistorySource, listed
from marketdata.tests.scripted import forget_gateway

pytestmark = pytest.mark.django_db


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
