"""Lists of symbols: what is taken, what is left alone, what is named by line."""

from __future__ import annotations

import gzip

import pytest
from django.core.management import CommandError, call_command

from marketdata.domain.sectors import sector_name
from marketdata.importers.symbol_files import plain_name, yahoo_symbol
from marketdata.models import Instrument

pytestmark = pytest.mark.django_db

NASDAQ = """Symbol,Company Name,Security Name,Market Category,Test Issue,Financial Status,Round Lot Size,ETF,NextShares
AAPL,Apple Inc.,Apple Inc. - Common Stock,Q,N,N,100,N,N
QQQ,"Invesco QQQ Trust, Series 1","Invesco QQQ Trust, Series 1",G,N,N,100,Y,N
ZAZZT,Tick Pilot Test Stock,Tick Pilot Test Stock Class A Common Stock,G,Y,N,100,N,N
OLDNS,Old NextShares,Old NextShares Fund,G,N,N,100,N,Y
ACABW,Atlantic Corp,Atlantic Corp - Warrants,G,N,N,100,N,N
File Creation Time: 0731202621:31,,,,,,,,
,,,,,,,,
"""
OTHER = """ACT Symbol,Company Name,Security Name,Exchange,CQS Symbol,ETF,Round Lot Size,Test Issue,NASDAQ Symbol
A,"Agilent Technologies, Inc. Common Stock","Agilent Technologies, Inc. Common Stock ",N,A,N,100.0,N,A
BRK.B,Berkshire Hathaway Inc. ,Berkshire Hathaway Inc. ,N,BRK.B,N,100.0,N,BRK.B
ABR$D,Arbor Realty Trust,Arbor Realty Trust 6.375% Series D,N,ABRpD,N,100.0,N,ABR-D
SPY,SPDR S&P 500,SPDR S&P 500 ETF Trust,P,SPY,Y,100.0,N,SPY
CBOE,"Cboe Global Markets, Inc.","Cboe Global Markets, Inc. Common Stock",Z,CBOE,N,100.0,N,CBOE
"""
MEMBERS = """Symbol,Security,GICS Sector,GICS Sub-Industry,Headquarters Location,Date added,CIK,Founded
AAPL,Apple Inc.,Information Technology,Hardware,"Cupertino, California",1982-11-30,320193,1977
LIN,Linde plc,Materials,Industrial Gases,"Woking, United Kingdom",2018-10-31,1707925,1879
"""


@pytest.fixture
def write(tmp_path):
    def make(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


def load(*arguments):
    call_command("load_symbols", *map(str, arguments))


def listed(**where):
    return {i.symbol: i for i in Instrument.objects.filter(**where)}


class TestListings:
    def test_exchange_kind_and_yahoos_name_are_told(self, write):
        load(write("nasdaq_listed.csv", NASDAQ), write("other_listed.csv", OTHER))
        found = listed()
        assert {symbol: (i.exchange, i.asset_class) for symbol, i in found.items()} == {
            "AAPL": ("XNAS", "equity"),
            "QQQ": ("XNAS", "etf"),
            "ACABW": ("XNAS", "other"),
            "A": ("XNYS", "equity"),
            "BRK.B": ("XNYS", "equity"),
            "ABR$D": ("XNYS", "equity"),
            "SPY": ("ARCX", "etf"),
            "CBOE": ("BATS", "equity"),
        }
        assert (found["AAPL"].name, found["A"].name) == ("Apple Inc.", "Agilent Technologies, Inc.")
        assert found["BRK.B"].provider_symbols["yahoo"] == "BRK-B"
        assert found["ABR$D"].provider_symbols["yahoo"] == "ABR-PD"
        assert all(i.currency == "USD" and i.owner is None for i in found.values())

    def test_test_issues_nextshares_and_the_trailer_are_no_instruments(self, write, capsys):
        load(write("nasdaq_listed.csv", NASDAQ))
        assert not set(listed()) & {"ZAZZT", "OLDNS", ""}
        said = capsys.readouterr().out
        assert "1 test issues left out, 1 NextShares left out, 0 faulty" in said
        assert "of 2026-07-31 21:31" in said

    def test_a_second_time_changes_nothing(self, write, capsys):
        path = write("nasdaq_listed.csv", NASDAQ)
        load(path)
        before = list(Instrument.objects.order_by("pk").values())
        load(path)
        assert list(Instrument.objects.order_by("pk").values()) == before
        assert "0 instruments added, 0 updated, 3 as they were" in capsys.readouterr().out

    def test_what_is_there_keeps_what_it_has(self, write, make_instrument):
        mine = make_instrument(
            "AAPL", name="Apple", exchange="XNAS", sector="Fruit", provider="simulated", isin="US0378331005"
        )
        load(write("nasdaq_listed.csv", NASDAQ))
        mine.refresh_from_db()
        assert (mine.name, mine.sector, mine.provider) == ("Apple", "Fruit", "simulated")
        assert mine.provider_symbols == {"yahoo": "AAPL"}
        load("--update-names", write("nasdaq_listed.csv", NASDAQ))
        mine.refresh_from_db()
        assert mine.name == "Apple Inc."

    def test_what_moved_to_another_american_exchange_goes_there(self, write, make_instrument, capsys):
        moved = make_instrument("AAPL", exchange="XNYS")
        abroad = make_instrument("QQQ", exchange="XETR", currency="EUR")
        index = make_instrument("ACABW", asset_class="index")
        load(write("nasdaq_listed.csv", NASDAQ))
        moved.refresh_from_db()
        assert moved.exchange == "XNAS"
        assert "1 moved to another exchange: AAPL XNYS → XNAS" in capsys.readouterr().out
        assert listed(symbol="QQQ", exchange="XNAS")["QQQ"].pk != abroad.pk
        assert listed(symbol="ACABW", exchange="XNAS")["ACABW"].pk != index.pk

    def test_instruments_of_a_persons_own_are_left_alone(self, write, make_instrument, owner):
        own = make_instrument("AAPL", owner=owner, name="Apple orchard")
        load(write("nasdaq_listed.csv", NASDAQ))
        own.refresh_from_db()
        assert own.name == "Apple orchard"
        assert Instrument.objects.shared().get(symbol="AAPL").name == "Apple Inc."

    def test_packed_and_with_bars_between(self, tmp_path):
        text = NASDAQ.replace('"Invesco QQQ Trust, Series 1"', "Invesco QQQ Trust").replace(",", "|")
        path = tmp_path / "nasdaqlisted.txt.gz"
        path.write_bytes(gzip.compress(text.encode()))
        load(path)
        assert set(listed()) == {"AAPL", "QQQ", "ACABW"}


class TestComplete:
    def test_what_is_missing_is_delisted_and_what_is_back_is_listed_again(
        self, write, make_instrument, capsys
    ):
        for symbol in ("GONE", "QQQ"):
            make_instrument(symbol, exchange="XNAS", is_active=symbol == "GONE")
        other = make_instrument("ELSE", exchange="XNYS")
        load("--complete", write("nasdaq_listed.csv", NASDAQ))
        assert {symbol: i.is_active for symbol, i in listed().items()} == {
            "GONE": False, "QQQ": True, "ELSE": True, "AAPL": True, "ACABW": True,
        }  # fmt: skip
        said = capsys.readouterr().out
        assert "1 listed again: QQQ" in said
        assert "1 delisted: GONE" in said
        assert other.is_active

    def test_without_being_told_nothing_is_delisted(self, write, make_instrument):
        make_instrument("GONE", exchange="XNAS")
        load(write("nasdaq_listed.csv", NASDAQ))
        assert listed()["GONE"].is_active

    def test_a_list_that_plainly_is_not_complete_changes_nothing(self, write, make_instrument, capsys):
        for n in range(60):
            make_instrument(f"OLD{n}", exchange="XNAS")
        with pytest.raises(CommandError) as refusal:
            load("--complete", write("nasdaq_listed.csv", NASDAQ))
        assert refusal.value.returncode == 2
        assert "lacks 60 of 63 instruments of XNAS: it is not complete" in capsys.readouterr().err
        assert "AAPL" not in listed()


class TestConstituents:
    def test_add_sectors_to_what_is_listed(self, write):
        load(write("members.csv", MEMBERS), write("nasdaq_listed.csv", NASDAQ))
        apple = listed()["AAPL"]
        assert (apple.sector, apple.country, apple.exchange) == ("Technology", "US", "XNAS")

    def test_loaded_first_they_wait_for_their_exchange(self, write):
        load(write("members.csv", MEMBERS))
        assert listed()["LIN"].exchange == ""
        load(write("other_listed.csv", OTHER + "LIN,Linde plc,Linde plc,N,LIN,N,100.0,N,LIN\n"))
        assert [(i.exchange, i.country) for i in Instrument.objects.filter(symbol="LIN")] == [("XNYS", "GB")]

    @pytest.mark.parametrize(
        ("told", "name"),
        [
            ("Information Technology", "Technology"),
            ("Consumer Defensive", "Consumer staples"),
            ("Odd", "Odd"),
        ],
    )
    def test_sectors_have_one_name_whoever_tells_them(self, told, name):
        assert sector_name(told) == name


class TestIsins:
    def test_are_added_where_symbol_and_exchange_agree(self, write, make_instrument, capsys):
        london = make_instrument("VUSA.L", exchange="XLON", currency="GBP")
        frankfurt = make_instrument("VUSA.DE", exchange="XETR", currency="EUR")
        america = make_instrument("VUSA", exchange="XNYS")
        apple = make_instrument("AAPL", exchange="XNAS")
        text = "ISIN,symbol\nIE00B3XXRP09,VUSA,VUSD\nUS0378331005,AAPL\nIE00B42WWV65,VGOV\nLU0743604679,\n"
        load(write("isins.csv", text))
        for one in (london, frankfurt, america, apple):
            one.refresh_from_db()
        assert (london.isin, apple.isin) == ("IE00B3XXRP09", "US0378331005")
        assert (frankfurt.isin, america.isin) == ("", "")
        said = capsys.readouterr()
        assert "2 symbols are unknown here" in said.err
        assert "1 ISINs without a symbol left out" in said.out

    def test_one_on_record_is_never_replaced(self, write, make_instrument, capsys):
        london = make_instrument("VUSA.L", exchange="XLON", isin="IE00B42WWV65")
        load(write("isins.csv", "ISIN,symbol\nIE00B3XXRP09,VUSA\n"))
        london.refresh_from_db()
        assert london.isin == "IE00B42WWV65"
        assert (
            "VUSA.L is IE00B42WWV65 here, IE00B3XXRP09 in the list; left as it is" in capsys.readouterr().err
        )


class TestFaults:
    def test_are_named_by_line_and_the_rest_is_taken(self, write, capsys):
        text = OTHER + (
            ",No symbol,No symbol,N,,N,100.0,N,\n"
            "B!D,Odd,Odd,N,BD,N,100.0,N,BD\n"
            "NONAME,,,N,NONAME,N,100.0,N,NONAME\n"
            "WHERE,Where Inc.,Where Inc.,X,WHERE,N,100.0,N,WHERE\n"
            "FLAG,Flag Inc.,Flag Inc.,N,FLAG,maybe,100.0,N,FLAG\n"
            "SHORT,Short Inc.\n"
        )
        with pytest.raises(CommandError) as told:
            load(write("other_listed.csv", text))
        assert told.value.returncode == 1
        assert [
            line.partition(":")[2] for line in capsys.readouterr().err.splitlines() if ".csv:" in line
        ] == [
            "7: there is no symbol",
            "8: “B!D” is not a symbol",
            "9: NONAME has no name",
            "10: “X” is no exchange we know",
            "11: “MAYBE” is neither Y nor N in the column “etf”",
            "12: the row ends before the column “test issue”",
        ]
        assert len(listed()) == 5

    def test_an_isin_with_a_wrong_digit_is_one(self, write, capsys):
        with pytest.raises(CommandError):
            load(write("isins.csv", "ISIN,symbol\nIE00B3XXRP08,VUSA\n"))
        assert "isins.csv:2: “IE00B3XXRP08” is not an ISIN" in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["", "Date,Close\n2026-01-01,5\n", "\x00\n"])
    def test_another_file_is_refused_whole(self, write, text, capsys):
        with pytest.raises(CommandError) as refusal:
            load(write("odd.csv", text))
        assert refusal.value.returncode == 2
        assert "odd.csv" in capsys.readouterr().err

    def test_no_such_file(self, tmp_path, capsys):
        with pytest.raises(CommandError) as refusal:
            load(tmp_path / "nowhere.csv")
        assert refusal.value.returncode == 2


@pytest.mark.parametrize(
    ("symbol", "yahoo"),
    [("AAPL", "AAPL"), ("BF.B", "BF-B"), ("ABR$D", "ABR-PD"), ("AAC.U", "AAC-UN"), ("ACHR.W", "ACHR-WT")],
)
def test_yahoo_writes_classes_and_series_with_a_dash(symbol, yahoo):
    assert yahoo_symbol(symbol) == yahoo


def test_long_names_are_cut_and_common_stock_goes_without_saying():
    assert plain_name("Fox - Class A Common Stock") == "Fox Class A"
    assert len(plain_name("Long " * 80)) == 200
    assert plain_name("Common Stock") == "Common Stock"
