"""Loading price files into the database."""

from __future__ import annotations

import gzip
from datetime import date
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from marketdata import operations, queries
from marketdata.models import CorporateAction, FxRate, Instrument, PriceBar
from marketdata.providers.starter import starter_instruments
from marketdata.tests.conftest import NOW, bar, rate

pytestmark = pytest.mark.django_db
D = Decimal
HEADER = "symbol,date,open,high,low,close,adj_close,volume\n"
#: The 4:1 of August 2020 as Yahoo tells it afterwards: everything before in today's shares.
SPLIT_ADJUSTED = (
    HEADER
    + "AAPL,2020-08-27,127.142502,127.485001,123.832497,125.010002,122,155552400\n"
    + "AAPL,2020-08-28,126.012497,126.442497,124.577499,124.807503,121,187630000\n"
    + "AAPL,2020-08-31,127.580002,131.0,126.0,129.039993,126,225702700\n"
)
ACTIONS = "symbol,ex_date,type,value,source\nAAPL,2020-08-31,SPLIT,4.0,yahoo\nAAPL,2020-08-07,DIVIDEND,0.205,yahoo\n"


@pytest.fixture
def load(tmp_path, time_machine, capsys):
    time_machine.move_to(NOW)

    def run(name, text, *options):
        path = tmp_path / name
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text, encoding="utf-8")
        code = 0
        try:
            call_command("load_prices", str(path), *options)
        except CommandError as error:
            code = error.returncode
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def closes(instrument, **kwargs):
    rows = PriceBar.objects.filter(instrument=instrument, **kwargs).order_by("date")
    return [close for (close,) in rows.values_list("close")]


class TestPrices:
    def test_stores_bars_of_known_symbols(self, load, make_instrument):
        aapl = make_instrument("AAPL")
        code, out, _ = load("prices.csv.gz", SPLIT_ADJUSTED)
        assert code == 0
        assert "3 added, 0 changed, 0 as they were, 0 faulty" in out
        found = PriceBar.objects.get(instrument=aapl, date=date(2020, 8, 31))
        assert (found.open, found.high, found.low, found.close, found.volume) == (
            D("127.58"), D(131), D(126), D("129.04"), 225702700,
        )  # fmt: skip
        assert found.source == "file prices, was split-adjusted"

    def test_again_changes_nothing(self, load, make_instrument):
        make_instrument("AAPL")
        load("prices.csv", SPLIT_ADJUSTED)
        _, out, _ = load("prices.csv", SPLIT_ADJUSTED)
        assert "0 added, 0 changed, 3 as they were" in out

    def test_faulty_rows_are_named_by_line_and_the_rest_is_stored(self, load, make_instrument):
        aapl = make_instrument("AAPL")
        text = SPLIT_ADJUSTED + "AAPL,2020-09-01,1,1,1,NaN,1,1\nAAPL,2020-02-30,1,1,1,1,1,1\n"
        code, out, err = load("prices.csv", text)
        assert code == 1
        assert "prices.csv:5: the close is not a number (NaN)" in err
        assert "prices.csv:6: “2020-02-30” is not a date" in err
        assert "2 faulty" in out
        assert len(closes(aapl)) == 3

    def test_many_faults_are_cut_short_unless_asked_for(self, load, make_instrument):
        text = HEADER + "A,2020-01-02,1,1,1,-1,1,1\n" * 30
        _, _, err = load("prices.csv", text)
        assert err.count("the close is negative") == 20
        assert "and 10 more faulty rows" in err
        _, _, err = load("prices.csv", text, "--all-faults")
        assert err.count("the close is negative") == 30

    def test_unknown_symbols_are_counted_or_made(self, load):
        code, _, err = load("prices.csv", SPLIT_ADJUSTED)
        assert code == 1
        assert "AAPL (3 rows)" in err
        assert not PriceBar.objects.exists()
        coins = HEADER + "ADA-USD,2017-11-09,0.02516,0.03506,0.025006,0.032053,0.032053,18716200\n"
        coins += "^GSPC,2017-11-09,2500,2510,2490,2505,2505,0\nSAP.DE,2017-11-09,100,101,99,100,100,5\n"
        code, out, _ = load("more.csv", coins, "--create", "--currency", "EUR", "--exchange", "XETR")
        assert code == 0
        assert "instruments made: ADA-USD, ^GSPC, SAP.DE" in out
        made = {i.symbol: (i.asset_class, i.currency, i.exchange) for i in Instrument.objects.all()}
        assert made == {
            "ADA-USD": ("crypto", "USD", ""),
            "^GSPC": ("index", "EUR", ""),
            "SAP.DE": ("equity", "EUR", "XETR"),
        }

    def test_of_rows_that_are_there_twice_the_later_counts(self, load, make_instrument):
        aapl = make_instrument("AAPL")
        load("prices.csv", HEADER + "AAPL,2020-01-02,1,1,1,1,1,1\nAAPL,2020-01-02,2,2,2,2,2,2\n")
        assert closes(aapl) == [2]

    def test_pence_become_pounds(self, load, make_instrument):
        shell = make_instrument("SHEL.L", currency="GBP", quoted_in="GBp")
        load("prices.csv", HEADER + "SHEL.L,2020-01-02,2800,2850,2790,2812.5,2812.5,5\n")
        assert closes(shell) == [D("28.125")]
        load("new.csv", HEADER + "VOD.L,2020-01-02,70,71,69,70.5,70,5\n", "--create", "--currency", "GBp")
        vodafone = Instrument.objects.get(symbol="VOD.L")
        assert (vodafone.currency, vodafone.quoted_in, closes(vodafone)) == ("GBP", "GBp", [D("0.705")])

    def test_the_last_close_becomes_the_quote_of_what_nobody_quotes(self, load, make_instrument):
        aapl = make_instrument("AAPL")
        load("prices.csv", SPLIT_ADJUSTED)
        quote = queries.latest_quote(aapl.pk, now=NOW)
        assert quote is not None
        assert (quote.last, quote.previous_close, quote.is_stale) == (D("129.04"), D("124.8075"), True)
        assert quote.quoted_at.date() == date(2020, 8, 31)

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("hours.json", '{"Equity": []}'),
            ("gaps.csv", "date,width_pct\n2003-01-09,2.25\n"),
            ("empty.csv", ""),
            ("wide.csv", "Date,AAPL,KO\n2020-01-02,1,2\n"),
        ],
    )
    def test_refuses_other_files_whole(self, load, name, text):
        code, _, err = load(name, text)
        assert code == 2
        assert name in err

    def test_broken_archive_and_missing_file_are_refused_with_nothing_stored(
        self, load, make_instrument, tmp_path
    ):
        make_instrument("AAPL")
        path = tmp_path / "cut.csv.gz"
        path.write_bytes(gzip.compress(SPLIT_ADJUSTED.encode() * 500)[:-200])
        for wrong in (path, tmp_path / "nowhere.csv"):
            with pytest.raises(CommandError) as raised:
                call_command("load_prices", str(wrong))
            assert raised.value.returncode == 2
        assert not PriceBar.objects.exists()


class TestSplitAdjustedFiles:
    def test_known_splits_are_undone(self, load, make_instrument):
        aapl = make_instrument("AAPL")
        load("corporate_actions.csv", ACTIONS)
        load("prices.csv", SPLIT_ADJUSTED)
        assert closes(aapl) == [D("500.04"), D("499.23"), D("129.04")]
        assert PriceBar.objects.get(date=date(2020, 8, 28)).volume == 46907500
        adjusted = queries.bars(aapl.pk, date(2020, 8, 1), date(2020, 9, 1))
        assert [round(b.close, 6) for b in adjusted] == [D("125.01"), D("124.8075"), D("129.04")]

    def test_a_split_after_the_files_last_day_is_not_in_it(self, load, make_instrument):
        aapl = make_instrument("AAPL")
        load("corporate_actions.csv", ACTIONS)
        load("old.csv", HEADER + "AAPL,2020-01-10,310.6,312.67,308.25,310.33,310.33,35217272\n")
        assert closes(aapl) == [D("310.33")]

    def test_prices_as_traded_are_left_as_they_are(self, load, make_instrument):
        aapl = make_instrument("AAPL")
        load("corporate_actions.csv", ACTIONS)
        raw = "symbol,date,open,high,low,close,volume\nAAPL,2020-08-28,504,505.77,498.3,499.23,46907479\n"
        raw += "AAPL,2020-08-31,127.58,131,126,129.04,225702688\n"
        load("raw.csv", raw)
        assert closes(aapl) == [D("499.23"), D("129.04")]

    def test_dividends_are_kept_as_they_were_paid(self, load, make_instrument):
        make_instrument("AAPL")
        load("corporate_actions.csv", ACTIONS)
        assert CorporateAction.objects.get(kind="dividend").value == D("0.82")
        raw = (
            "symbol,ex_date,type,value,value_kind\nAAPL,2020-08-07,DIVIDEND,0.82,cash_per_share_unadjusted\n"
        )
        _, out, _ = load("raw_actions.csv", raw)
        assert "0 added, 0 changed, 1 as they were" in out

    def test_two_dividends_of_a_day_are_added_up(self, load, make_instrument):
        make_instrument("QQQ")
        row = "QQQ,2011-03-23,DIVIDEND,0.05,x\n"
        load("actions.csv", f"symbol,ex_date,type,value,source\n{row}{row}")
        assert CorporateAction.objects.get().value == D("0.1")

    def test_splits_that_come_too_late_are_told_of(self, load, make_instrument):
        aapl = make_instrument("AAPL")
        load("prices.csv", SPLIT_ADJUSTED)
        _, _, err = load("corporate_actions.csv", ACTIONS)
        assert "load those price files again for: AAPL" in err
        load("prices.csv", SPLIT_ADJUSTED)
        assert closes(aapl)[1] == D("499.23")

    def test_what_a_float_added_to_a_price_goes(self, load, make_instrument):
        aapl = make_instrument("AAPL")
        load("corporate_actions.csv", ACTIONS + "AAPL,2014-06-09,SPLIT,7.0,yahoo\n")
        load("prices.csv", HEADER + "AAPL,2014-06-06,23.210714,23.259287,23.016787,23.05607,20,349938000\n"
             "AAPL,2014-06-09,23.174999,23.469999,22.9375,23.424999,21,301660000\n"
             "AAPL,2026-06-30,288.123456,290,288,289.5,289.5,5\n")  # fmt: skip
        assert closes(aapl) == [D("645.57"), D("93.7"), D("289.5")]
        # What is further from a price of cents than a float's error is left as it is.
        assert PriceBar.objects.get(date=date(2026, 6, 30)).open == D("288.123456")

    def test_prices_far_below_a_cent_keep_their_digits(self, load, make_instrument):
        coin = make_instrument("TINY")
        load("prices.csv", HEADER + "TINY,2020-01-02,0.0000012,0.0000013,0.0000009,0.0000011,0.0000011,5\n")
        assert closes(coin) == [D("0.0000011")]

    def test_prices_as_traded_are_not_worn_down_by_adjusted_ones(self, load, make_instrument):
        make_instrument("AAPL")
        load("corporate_actions.csv", ACTIONS)
        load("raw.csv", "symbol,date,open,high,low,close,volume\n"
             "AAPL,2020-08-28,504.05,505.77,498.31,499.23,46907500\n")  # fmt: skip
        _, out, _ = load("prices.csv", SPLIT_ADJUSTED)
        assert "2 added, 0 changed, 1 as they were" in out

    def test_closes_adjusted_for_dividends_are_never_mixed_with_traded_ones(self, load, make_instrument):
        traded, new = make_instrument("KO"), make_instrument("NEW")
        bar(traded, "1990-01-05", "80")
        _, _, err = load(
            "wide.csv", "Date,KO,NEW\n1990-01-02,2.1,5\n1990-01-03,2.2,\n", "--adjusted", "total"
        )
        assert "left alone, they have prices as traded: KO" in err
        assert (closes(traded), closes(new)) == ([80], [5])

    def test_closes_adjusted_for_dividends_give_way_to_traded_ones(self, load, make_instrument):
        share, other = make_instrument("KO"), make_instrument("NEW")
        load("wide.csv", "Date,KO,NEW\n1990-01-02,2.1,5\n1990-01-03,2.2,6\n", "--adjusted", "total")
        _, _, err = load("traded.csv", HEADER + "KO,1990-01-03,80,81,79,80,2,5\n")
        assert "gave way to prices as traded: KO" in err
        assert (closes(share), closes(other)) == ([80], [5, 6])

    def test_adjusted_closes_are_loaded_after_traded_prices(self, make_instrument, tmp_path, time_machine):
        time_machine.move_to(NOW)
        share = make_instrument("KO")
        wide, traded = tmp_path / "a_adjclose.csv", tmp_path / "b.csv"
        wide.write_text("Date,KO\n1990-01-02,2.1\n")
        traded.write_text(HEADER + "KO,1990-01-03,80,81,79,80,2,5\n")
        call_command("load_prices", str(wide), str(traded))
        assert closes(share) == [80]

    def test_a_name_that_says_adjusted_closes_is_believed(self, load):
        code, out, _ = load("fund_adjclose_2014.csv", "Date,KO,NEW\n1990-01-02,2.1,5\n", "--create")
        assert code == 0
        assert "adjusted: total" in out
        assert PriceBar.objects.filter(source__endswith=", adjusted for dividends").count() == 2


class TestInterestRates:
    def test_a_file_of_a_rate_becomes_an_index_called_like_it(self, load):
        code, _, _ = load(
            "us_primary_credit_rate.csv", "date,rate_pct\n2003-01-09,2.25\n2003-06-26,2.0\n", "--create"
        )
        assert code == 0
        made = Instrument.objects.get()
        assert (made.symbol, made.asset_class, closes(made)) == (
            "US_PRIMARY_CREDIT_RATE",
            "index",
            [D("2.25"), 2],
        )

    def test_is_unknown_till_it_is_made(self, load):
        code, _, err = load("credit_rate.csv", "date,rate_pct\n2003-01-09,2.25\n")
        assert code == 1
        assert "CREDIT_RATE (1 rows)" in err


class TestRates:
    def test_yahoo_symbols_are_exchange_rates(self, load):
        text = (
            HEADER
            + "EURUSD=X,2020-01-02,1.12,1.13,1.11,1.12,1.12,0\nJPY=X,2020-01-02,108,109,107,108.5,108.5,0\n"
        )
        text += "EURUSD=X,2020-01-03,1.12,1.13,1.11,1.2,1.2,0\n"
        code, _, err = load("fx.csv", text)
        assert code == 1
        assert "fx.csv:4: the close 1.2 is outside low..high (1.11..1.13)" in err
        assert queries.fx_rate(base="EUR", quote="USD", on=date(2020, 1, 5)) == D("1.12")
        assert queries.fx_rate(base="USD", quote="JPY", on=date(2020, 1, 5)) == D("108.5")

    def test_ecb_file_replaces_what_was_simulated(self, load):
        rate("EUR", "USD", "2026-11-10", "1.5", source="simulated")
        rate("EUR", "ZAR", "2026-11-10", "20", source="simulated")
        code, out, _ = load(
            "eurofxref.csv", "Date,USD,CYP,\n2026-10-30,1.1172,N/A,\n2026-10-29,1.113,0.58,\n"
        )
        assert code == 0
        assert "3 added" in out
        found = queries.fx_rate_view(base="EUR", quote="USD", on=date(2026, 11, 20))
        assert (found.rate, found.is_simulated, found.date) == (D("1.1172"), False, date(2026, 10, 30))
        operations.backfill_history(now=NOW)
        assert not FxRate.objects.filter(quote="USD", source="simulated").exists()
        assert FxRate.objects.filter(quote="ZAR", source="simulated").count() > 1


class TestSimulatedInstruments:
    @pytest.fixture
    def share(self, make_instrument):
        instrument = make_instrument("AAPL", provider="simulated")
        operations.backfill_history(now=NOW, years=1)
        operations.refresh_quotes(now=NOW)
        return instrument

    def test_real_history_replaces_the_simulated_and_the_market_goes_on_from_it(self, share, load):
        text = (
            HEADER
            + "AAPL,2026-11-12,4990,5010,4980,5000,5000,10\nAAPL,2026-11-13,4990,5010,4980,5000,5000,10\n"
        )
        load("real.csv", text)
        real = PriceBar.objects.filter(instrument=share).exclude(source="simulated")
        later = PriceBar.objects.filter(instrument=share, source="simulated")
        assert real.count() == 2
        assert [b.date.day for b in later.order_by("date")] == [16, 17, 18, 19]
        quote = queries.latest_quote(share.pk, now=NOW)
        assert quote is not None
        assert quote.is_simulated
        assert 3500 < quote.last < 6500
        share.refresh_from_db()
        assert (share.anchor_date, share.anchor_price) == (date(2026, 11, 13), 5000)

    def test_backfill_is_complete_and_safe_to_repeat(self, share):
        before = PriceBar.objects.count()
        assert before == sum(1 for n in range((date(2026, 11, 19) - date(2025, 1, 1)).days + 1)
                             if date.fromordinal(date(2025, 1, 1).toordinal() + n).weekday() < 5)  # fmt: skip
        assert operations.backfill_history(now=NOW).bars == 0
        assert PriceBar.objects.count() == before


class TestStarterList:
    def test_loads_once(self, time_machine, capsys):
        time_machine.move_to(NOW)
        call_command("load_starter_instruments", "--without-history")
        call_command("load_starter_instruments", "--without-history")
        assert Instrument.objects.count() == len(starter_instruments())
        assert "0 instruments entered" in capsys.readouterr().out
        assert {i.asset_class for i in Instrument.objects.all()} >= {
            "equity", "etf", "fund", "bond", "crypto", "commodity", "index",
        }  # fmt: skip
        bond = Instrument.objects.get(symbol="US91282CLW90")
        assert (bond.quote_unit, bond.coupon_rate, bond.maturity_date) == (
            "percent",
            D("4.25"),
            date(2034, 11, 15),
        )
        for instrument in Instrument.objects.all():
            instrument.full_clean(exclude=["owner"], validate_constraints=False)
