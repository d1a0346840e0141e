"""Instruments of one's own: entered, changed, removed; their prices kept by hand."""

from __future__ import annotations

import io
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from holdings.models import TargetWeight
from holdings.operations import Entry, create_portfolio, post_transaction
from marketdata import operations, queries
from marketdata.models import Instrument, PriceBar, Quote, WatchlistItem
from marketdata.operations import InstrumentInUse, InstrumentRefused, PriceRefused
from marketdata.queries import InstrumentNotFound
from marketdata.tests.conftest import NOW
from portfolio_site.kernel.errors import ForbiddenError

pytestmark = pytest.mark.django_db
D = Decimal


def url(name, *arguments):
    return reverse(f"marketdata:{name}", args=arguments)


@pytest.fixture
def in_books(owner, flat):
    """The flat, bought in a portfolio of its owner."""
    portfolio = create_portfolio(owner=owner, name="Home", base_currency="EUR", now=NOW)
    post_transaction(
        portfolio_id=portfolio.pk,
        entry=Entry(
            type="buy", occurred=date(2026, 11, 2), instrument_id=flat.pk, quantity=D(1), price=D(300000)
        ),
        actor=owner,
        now=NOW,
    )
    return portfolio


class TestUpdate:
    def test_changes_what_is_given_and_leaves_the_rest(self, owner, flat):
        operations.update_instrument(
            instrument_id=flat.pk, actor=owner, name=" House in Lyon ", country="fr", is_active=False
        )
        flat.refresh_from_db()
        assert (flat.name, flat.country, flat.is_active, flat.symbol) == (
            "House in Lyon",
            "FR",
            False,
            "FLAT",
        )

    @pytest.mark.parametrize(
        ("field", "value", "told"),
        [
            ("symbol", " ", "cannot be blank"),
            ("currency", "GBp", "hundredth of GBP"),
            ("currency", "EURO", "not a currency"),
            ("isin", "US0378331006", "check digit"),
            ("country", "France", "two letters"),
            ("asset_class", "car", "not a valid choice"),
        ],
    )
    def test_refuses_what_is_wrong_and_says_where(self, owner, make_instrument, field, value, told):
        mine = make_instrument("MINE", owner=owner)
        with pytest.raises(InstrumentRefused) as refusal:
            operations.update_instrument(instrument_id=mine.pk, actor=owner, **{field: value})
        assert refusal.value.field == field
        assert told in refusal.value.message

    def test_two_of_one_name_are_refused(self, owner, flat, make_instrument):
        other = make_instrument("OTHER", owner=owner)
        with pytest.raises(InstrumentRefused) as refusal:
            operations.update_instrument(instrument_id=other.pk, actor=owner, symbol="flat")
        assert refusal.value.code == "symbol_taken"

    def test_currency_stays_once_there_are_prices_or_entries(self, owner, flat, in_books):
        with pytest.raises(InstrumentInUse) as refusal:
            operations.update_instrument(instrument_id=flat.pk, actor=owner, currency="USD")
        assert "its prices and 1 entry of “Home”" in refusal.value.message
        operations.update_instrument(instrument_id=flat.pk, actor=owner, currency="EUR")

    def test_currency_can_be_mended_before(self, owner, make_instrument):
        mine = make_instrument("MINE", owner=owner)
        operations.update_instrument(instrument_id=mine.pk, actor=owner, currency="chf")
        mine.refresh_from_db()
        assert mine.currency == "CHF"

    def test_only_ones_own(self, owner, outsider, auditor, flat, make_instrument):
        shared = make_instrument("AAPL")
        with pytest.raises(InstrumentNotFound):
            operations.update_instrument(instrument_id=flat.pk, actor=outsider, name="Mine")
        for person, instrument in ((auditor, flat), (owner, shared)):
            with pytest.raises(ForbiddenError):
                operations.update_instrument(instrument_id=instrument.pk, actor=person, name="Mine")


class TestDelete:
    def test_goes_with_its_prices_when_nothing_refers_to_it(self, owner, flat):
        watching = operations.create_watchlist(owner=owner, name="Mine", now=NOW)
        operations.add_to_watchlist(actor=owner, watchlist_id=watching.id, instrument_id=flat.pk, now=NOW)
        operations.record_price(
            instrument_id=flat.pk, day=date(2026, 11, 19), price=D(5), actor=owner, now=NOW
        )
        assert operations.delete_instrument(instrument_id=flat.pk, actor=owner) == "FLAT"
        assert not Instrument.objects.filter(pk=flat.pk).exists()
        assert not PriceBar.objects.exists()
        assert not WatchlistItem.objects.exists()

    def test_is_refused_with_the_reason_while_the_journal_speaks_of_it(self, owner, flat, in_books):
        with pytest.raises(InstrumentInUse) as refusal:
            operations.delete_instrument(instrument_id=flat.pk, actor=owner)
        assert refusal.value.status == 409
        assert refusal.value.message == (
            "FLAT cannot be deleted: it is used in 1 entry of “Home”. Mark it as no longer quoted instead."
        )
        assert Instrument.objects.filter(pk=flat.pk).exists()

    def test_targets_count_too(self, owner, flat):
        portfolio = create_portfolio(owner=owner, name="Plan", base_currency="EUR", now=NOW)
        TargetWeight.objects.create(
            portfolio=portfolio, dimension="instrument", key=str(flat.pk), weight=D("0.5")
        )
        with pytest.raises(InstrumentInUse, match="the targets of “Plan”"):
            operations.delete_instrument(instrument_id=flat.pk, actor=owner)

    def test_what_nobody_spoke_for_is_still_protected_by_the_database(
        self, owner, flat, in_books, monkeypatch
    ):
        monkeypatch.setattr("marketdata.operations.own_instruments._uses", {})
        with pytest.raises(InstrumentInUse, match="used in lots, positions and transactions"):
            operations.delete_instrument(instrument_id=flat.pk, actor=owner)

    def test_only_ones_own(self, owner, outsider, auditor, flat, make_instrument):
        with pytest.raises(InstrumentNotFound):
            operations.delete_instrument(instrument_id=flat.pk, actor=outsider)
        for person, instrument in ((auditor, flat), (owner, make_instrument("AAPL"))):
            with pytest.raises(ForbiddenError):
                operations.delete_instrument(instrument_id=instrument.pk, actor=person)


class TestPricesByHand:
    def price(self, flat, owner, day, value):
        return operations.record_price(
            instrument_id=flat.pk, day=date.fromisoformat(day), price=D(value), actor=owner, now=NOW
        )

    def test_a_correction_of_the_latest_day_moves_the_quote_however_far(self, owner, flat):
        self.price(flat, owner, "2026-11-19", "3100")
        self.price(flat, owner, "2026-11-19", "310000")
        found = queries.latest_quote(flat.pk, now=NOW)
        assert (found.last, found.previous_close) == (310000, 310000)

    def test_a_deleted_price_leaves_the_one_before(self, owner, flat, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            self.price(flat, owner, "2026-11-19", "320000")
        assert queries.cached_quotes([flat.pk], now=NOW)[flat.pk].last == 320000
        with django_capture_on_commit_callbacks(execute=True):
            assert operations.delete_price(
                instrument_id=flat.pk, day=date(2026, 11, 19), actor=owner, now=NOW
            )
        assert queries.cached_quotes([flat.pk], now=NOW)[flat.pk].last == 310000
        with django_capture_on_commit_callbacks(execute=True):
            operations.delete_price(instrument_id=flat.pk, day=date(2026, 11, 2), actor=owner, now=NOW)
        assert queries.cached_quotes([flat.pk], now=NOW) == {}
        assert not operations.delete_price(instrument_id=flat.pk, day=date(2026, 11, 2), actor=owner, now=NOW)

    def test_worth_nothing_is_not_worth_what_it_was(self, owner, flat):
        self.price(flat, owner, "2026-11-18", "5")
        self.price(flat, owner, "2026-11-19", "0")
        assert queries.latest_quote(flat.pk, now=NOW) is None
        assert queries.close_on(flat.pk, NOW.date()).price == 0

    def test_an_earlier_price_leaves_the_quote(self, owner, flat):
        self.price(flat, owner, "2026-11-19", "320000")
        self.price(flat, owner, "2026-11-10", "1")
        found = queries.latest_quote(flat.pk, now=NOW)
        assert (found.last, found.previous_close) == (320000, 1)

    def test_a_held_quote_stays(self, owner, flat):
        operations.set_quote(instrument_id=flat.pk, bid=D(9), ask=D(11), now=NOW)
        self.price(flat, owner, "2026-11-19", "320000")
        assert Quote.objects.get(instrument=flat).last == 10

    def test_others_may_not_delete(self, outsider, flat):
        with pytest.raises(InstrumentNotFound):
            operations.delete_price(instrument_id=flat.pk, day=date(2026, 11, 2), actor=outsider, now=NOW)


class TestFileOfPrices:
    def load(self, flat, owner, text):
        return operations.load_own_prices(
            instrument_id=flat.pk, file=io.BytesIO(text.encode()), actor=owner, now=NOW
        )

    def closes(self, flat):
        return {str(bar.date): bar.close for bar in queries.prices_of(flat.pk)}

    def test_is_added_to_what_is_there_and_the_latest_is_the_quote(self, owner, flat):
        loaded = self.load(
            flat, owner, "date,close\n2026-11-02,310000\n2026-11-10,311000.5\n2026-11-19,312000\n"
        )
        assert (loaded.added, loaded.changed, loaded.unchanged) == (2, 0, 1)
        assert queries.latest_quote(flat.pk, now=NOW).last == 312000
        again = self.load(flat, owner, "date,close\n2026-11-10,311111\n2026-11-19,312000\n")
        assert (again.added, again.changed, again.unchanged) == (0, 1, 1)
        assert self.closes(flat)["2026-11-10"] == 311111

    def test_semicolons_and_decimal_commas(self, owner, flat):
        self.load(flat, owner, "Date;Price\n2026-11-10;311.000,50\n")
        assert self.closes(flat)["2026-11-10"] == D("311000.50")

    def test_faulty_rows_are_told_by_line_and_the_good_ones_kept(self, owner, flat):
        text = "date,close\n2026-11-10,1\n10.11.2026,2\n2027-01-01,3\n2026-11-12,-4\n2026-11-13,five\n"
        loaded = self.load(flat, owner, text)
        assert [fault.line for fault in loaded.faults] == [3, 4, 5, 6]
        assert (loaded.added, loaded.fault_count) == (1, 4)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "\n",
            "a,b\n1,2\n",
            "symbol,date,close\nFLAT,2026-01-01,5\n",
            "Date,USD\n2026-01-01,1\n",
            "\x00",
        ],
    )
    def test_another_file_is_refused(self, owner, flat, text):
        with pytest.raises(PriceRefused) as refusal:
            self.load(flat, owner, text)
        assert refusal.value.field == "file"
        assert list(self.closes(flat)) == ["2026-11-02"]

    def test_bytes_that_are_no_text_are_refused(self, owner, flat):
        with pytest.raises(PriceRefused):
            operations.load_own_prices(
                instrument_id=flat.pk, file=io.BytesIO(b"\xff\xfe\x00PNG"), actor=owner, now=NOW
            )

    def test_of_a_day_twice_the_later_row_counts(self, owner, flat):
        self.load(flat, owner, "date,close\n2026-11-10,1\n2026-11-10,2\n")
        assert self.closes(flat)["2026-11-10"] == 2


class TestPages:
    @pytest.fixture(autouse=True)
    def _now(self, time_machine):
        time_machine.move_to(NOW)

    def test_edit(self, client_of, owner, flat):
        client = client_of(owner)
        assert b"Flat in Lyon" in client.get(url("edit", flat.pk)).content
        sent = {
            "name": "Loft",
            "symbol": "LOFT",
            "asset_class": "private",
            "currency": "EUR",
            "is_active": "on",
        }
        assert client.post(url("edit", flat.pk), sent).status_code == 302
        flat.refresh_from_db()
        assert (flat.symbol, flat.name, flat.is_active) == ("LOFT", "Loft", True)
        refused = client.post(url("edit", flat.pk), sent | {"currency": "USD"})
        assert refused.status_code == 422
        assert "cannot change any more" in refused.content.decode()

    def test_delete_asks_first_and_says_why_not(self, client_of, owner, flat, in_books):
        client = client_of(owner)
        page = client.get(url("delete", flat.pk)).content.decode()
        assert "1 entry of “Home”" in page
        assert 'type="submit">Delete' not in page
        assert client.post(url("delete", flat.pk)).status_code == 409

    def test_delete(self, client_of, owner, flat):
        client = client_of(owner)
        assert 'type="submit">Delete' in client.get(url("delete", flat.pk)).content.decode()
        assert client.post(url("delete", flat.pk)).status_code == 302
        assert client.get(url("detail", flat.pk)).status_code == 404

    def test_prices_are_listed_corrected_and_deleted(
        self, client_of, owner, flat, django_assert_max_num_queries
    ):
        client = client_of(owner)
        client.post(url("prices", flat.pk), {"date": "2026-11-19", "price": "320000"})
        with django_assert_max_num_queries(8):
            page = client.get(url("prices", flat.pk) + "?day=2026-11-02").content.decode()
        assert 'value="310000' in page
        assert page.count("Delete<span") == 2
        client.post(url("delete_price", flat.pk, "2026-11-19"))
        assert [bar.close for bar in queries.prices_of(flat.pk)] == [310000]

    def test_a_wrong_price_is_said_at_the_field(self, client_of, owner, flat):
        page = client_of(owner).post(url("prices", flat.pk), {"date": "2030-01-01", "price": "5"})
        assert page.status_code == 422
        assert "day to come" in page.content.decode()

    def test_file(self, client_of, owner, flat):
        client = client_of(owner)
        good = SimpleUploadedFile("p.csv", b"date,close\n2026-11-10,1\n")
        assert client.post(url("upload_prices", flat.pk), {"file": good}).status_code == 302
        bad = SimpleUploadedFile("p.csv", b"date,close\n2026-11-11,1\nyesterday,2\n")
        page = client.post(url("upload_prices", flat.pk), {"file": bad})
        assert page.status_code == 422
        assert "Line 3:" in page.content.decode()
        assert "1 added" in page.content.decode()
        none = client.post(url("upload_prices", flat.pk), {})
        assert none.status_code == 422

    @pytest.mark.parametrize("day", ["yesterday", "2026-13-01"])
    def test_an_odd_day_is_not_found(self, client_of, owner, flat, day):
        assert client_of(owner).post(url("delete_price", flat.pk, day)).status_code == 404

    def test_nobody_else_gets_in(self, client_of, owner, outsider, auditor, flat, make_instrument):
        shared = make_instrument("AAPL")
        pages = [("edit", (flat.pk,)), ("delete", (flat.pk,)), ("prices", (flat.pk,))]
        for name, arguments in pages:
            assert client_of(outsider).get(url(name, *arguments)).status_code == 404
            assert client_of(outsider).post(url(name, *arguments)).status_code == 404
        assert client_of(auditor).get(url("prices", flat.pk)).status_code == 200
        for name, arguments in [
            *pages,
            ("upload_prices", (flat.pk,)),
            ("delete_price", (flat.pk, "2026-11-02")),
        ]:
            assert client_of(auditor).post(url(name, *arguments)).status_code == 403
        for name in ("edit", "delete"):
            assert client_of(owner).get(url(name, shared.pk)).status_code == 403
        assert queries.prices_of(flat.pk).count() == 1


class TestSameNameAsAShared:
    @pytest.fixture
    def both(self, owner, make_instrument):
        mine = make_instrument("META", name="Meta Immobilien", owner=owner, asset_class="private")
        return make_instrument("META", name="Meta Platforms", exchange="XNAS"), mine

    def test_search_offers_both_the_shared_one_first(self, owner, both):
        assert queries.search_instruments(user=owner, text="meta") == list(both)
        assert queries.search_instruments(user=owner, text="meta", tradable_only=True) == [both[0]]

    def test_a_symbol_means_the_shared_one(self, owner, both):
        assert queries.find_by_symbol(user=owner, symbol="meta") == both[0]
        assert queries.ids_by_symbol(user=owner, symbols=["meta"]) == {"META": both[0].pk}

    def test_typed_out_it_has_to_be_chosen_unless_an_order_leaves_one(self, owner, both):
        with pytest.raises(
            queries.SeveralInstruments, match=r"Meta Platforms .* or Meta Immobilien \(your own"
        ):
            queries.the_instrument_called(user=owner, text="META")
        assert queries.the_instrument_called(user=owner, text="META", tradable=True) == both[0]
        assert queries.the_instrument_called(user=owner, text="meta immobilien") == both[1]

    def test_an_import_takes_the_one_of_that_name_else_the_shared_one(self, owner, both):
        def meant(name):
            return operations.get_or_create_instrument(
                owner=owner, symbol="META", name=name, currency="USD"
            ).instrument

        assert meant("Meta Immobilien") == both[1]
        assert meant("Meta Platforms, Inc.") == both[0]

    def test_one_that_is_no_longer_quoted_is_not_in_the_way(self, owner, both):
        both[0].is_active = False
        both[0].save()
        assert queries.the_instrument_called(user=owner, text="META") == both[1]


class TestPenceAndCheckDigits:
    @pytest.mark.parametrize("unit", ["GBp", "ZAc", "ILA", "GBX"])
    def test_pence_are_not_taken_for_pounds(self, owner, unit):
        with pytest.raises(InstrumentRefused, match="is a hundredth of"):
            operations.create_instrument(owner=owner, symbol="X", name="X", currency=unit)
        with pytest.raises(InstrumentRefused):
            operations.get_or_create_instrument(owner=owner, symbol="X", name="X", currency=unit)

    def test_a_quoting_unit_goes_with_its_currency(self):
        made = operations.create_instrument(
            owner=None, symbol="VOD.L", name="Vodafone", currency="GBP", quoted_in="GBp"
        )
        assert made.quoted_in == "GBp"
        for unit in ("ZAc", "p"):
            with pytest.raises(InstrumentRefused) as refusal:
                operations.create_instrument(
                    owner=None, symbol="X.L", name="X", currency="GBP", quoted_in=unit
                )
            assert refusal.value.field == "quoted_in"

    def test_a_mistyped_isin_does_not_stop_an_import(self, owner):
        found = operations.get_or_create_instrument(
            owner=owner, symbol="ABC", name="Abc", currency="EUR", isin="DE0007164601"
        )
        assert found.created
        assert found.instrument.isin == ""

    @pytest.mark.parametrize(
        ("field", "good", "bad"),
        [
            ("isin", "DE0007164600", "DE0007164601"),
            ("cusip", "037833100", "037833101"),
            ("figi", "BBG000B9XRY4", "BBG000B9XRY5"),
        ],
    )
    def test_numbers_have_check_digits(self, make_instrument, field, good, bad):
        from django.core.exceptions import ValidationError

        instrument = make_instrument(**{field: good})
        instrument.clean_fields(exclude=["owner"])
        setattr(instrument, field, bad)
        with pytest.raises(ValidationError, match="mistyped"):
            instrument.clean_fields(exclude=["owner"])

    def test_prices_are_of_the_day_at_most_today(self, owner, flat):
        with pytest.raises(PriceRefused):
            operations.record_price(
                instrument_id=flat.pk, day=NOW.date() + timedelta(days=1), price=D(1), actor=owner, now=NOW
            )
