"""Account, configuration, positions and activities over the wire: figures that add up, in the broker's form."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from trading.queries import positions
from trading.tests.support import check_books, make_instrument, set_quote
from trading.wire.tests.support import make_bot
from trading.wire.tests.test_orders import place, refused

pytestmark = pytest.mark.django_db


class TestAccount:
    def test_tells_every_amount_as_a_string_and_its_own_sum(self, bot, share):
        place(bot, qty=10)
        place(bot, qty=5, limit_price=90)
        account = bot.get("/v2/account")
        amounts = {name: Decimal(account[name]) for name in (
            "cash", "equity", "portfolio_value", "last_equity", "long_market_value", "short_market_value",
            "initial_margin", "maintenance_margin", "last_maintenance_margin", "buying_power", "regt_buying_power",
            "non_marginable_buying_power", "accrued_fees", "sma", "effective_buying_power", "options_buying_power",
            "position_market_value", "pending_transfer_in", "pending_transfer_out", "pending_reg_taf_fees",
        )}  # fmt: skip
        assert all(isinstance(account[name], str) for name in amounts)
        assert amounts["cash"] == Decimal("98999.80")
        assert amounts["long_market_value"] == Decimal("1000.10")
        assert (
            amounts["equity"] == amounts["portfolio_value"] == amounts["cash"] + amounts["long_market_value"]
        )
        assert amounts["buying_power"] == amounts["cash"] - 450
        assert (account["multiplier"], account["currency"], account["status"]) == ("1", "USD", "ACTIVE")
        assert str(uuid.UUID(account["id"])) == account["id"]
        assert account["account_number"]
        for gone in ("daytrade_count", "pattern_day_trader", "daytrading_buying_power"):
            assert gone not in account

    def test_the_fee_tier_of_coins_follows_what_was_traded(self, coin):
        bot = make_bot(cash="1000000")
        assert bot.get("/v2/account")["crypto_tier"] == 1
        place(bot, symbol="BTC/USD", qty=1, time_in_force="gtc")
        assert bot.get("/v2/account")["crypto_tier"] == 1
        place(bot, symbol="BTC/USD", qty=1, time_in_force="gtc")
        assert bot.get("/v2/account")["crypto_tier"] == 2

    def test_margin_doubles_what_can_be_bought(self, share):
        bot = make_bot(multiplier=2, cash="10000")
        account = bot.get("/v2/account")
        assert (account["multiplier"], account["buying_power"], account["regt_buying_power"]) == (
            "2",
            "20000",
            "20000",
        )
        assert account["non_marginable_buying_power"] == "10000"
        assert account["shorting_enabled"] is True
        place(bot, qty=150)
        after = bot.get("/v2/account")
        assert Decimal(after["cash"]) == Decimal(-5003)
        assert Decimal(after["initial_margin"]) == Decimal(after["long_market_value"]) / 2
        poor = make_bot(multiplier=2, cash="1500").get("/v2/account")
        assert (poor["buying_power"], poor["shorting_enabled"]) == ("1500", False)

    def test_configuration_keeps_what_is_null(self, bot):
        before = bot.get("/v2/account/configurations")
        assert before == {
            "fractional_trading": True,
            "max_margin_multiplier": "4",
            "no_shorting": False,
            "suspend_trade": False,
            "trade_confirm_email": "all",
            "ptp_no_exception_entry": False,
            "max_options_trading_level": None,
            "disable_overnight_trading": False,
        }
        sent = {
            **before,
            "dtbp_check": None,
            "pdt_check": None,
            "no_shorting": True,
            "max_margin_multiplier": "1",
        }
        answer = bot.send("PATCH", "/v2/account/configurations", sent)
        assert answer.status_code == 200
        assert answer.json() == {**before, "no_shorting": True, "max_margin_multiplier": "1"}
        assert bot.send("PATCH", "/v2/account/configurations", {}).json() == answer.json()

    @pytest.mark.parametrize(
        "change",
        [
            {"suspend_trade": "perhaps"}, {"suspend_trade": 1}, {"max_margin_multiplier": "3"},
            {"max_margin_multiplier": "x"}, {"trade_confirm_email": "some"}, {"max_options_trading_level": 9},
        ],
    )  # fmt: skip
    def test_configuration_refuses(self, bot, change):
        refused(bot.send("PATCH", "/v2/account/configurations", change), 422, 40010001)


class TestPositions:
    def test_hold_their_identities(self, bot, share):
        place(bot, qty=10)
        place(bot, qty=4, side="sell", limit_price=120)
        set_quote(share, "110.00", "110.10", "110.05", at=datetime.now(UTC))
        (held,) = bot.get("/v2/positions")
        number = {
            name: Decimal(value) for name, value in held.items() if re.fullmatch(r"-?[\d.]+", str(value))
        }
        assert held["symbol"] == "ACME"
        assert (held["qty"], held["qty_available"], held["side"]) == ("10", "6", "long")
        assert number["avg_entry_price"] == Decimal("100.02")
        assert number["market_value"] == number["qty"] * number["current_price"]
        assert number["cost_basis"] == number["qty"] * number["avg_entry_price"]
        assert number["unrealized_pl"] == number["market_value"] - number["cost_basis"]
        assert number["unrealized_plpc"] == pytest.approx(
            number["unrealized_pl"] / number["cost_basis"], abs=Decimal("1e-9")
        )
        assert all(isinstance(held[name], str) for name in number)

    def test_are_found_by_symbol_and_id_and_are_404_when_flat(self, bot, stranger, share, coin):
        place(bot)
        place(bot, symbol="BTC/USD", qty="0.01", time_in_force="gtc")
        assert [row["symbol"] for row in bot.get("/v2/positions")] == ["ACME", "BTCUSD"]
        for name in ("ACME", "acme", str(share.public_id)):
            assert bot.get(f"/v2/positions/{name}")["symbol"] == "ACME"
        for name in ("BTC/USD", "BTCUSD", "BTC%2FUSD", str(coin.public_id)):
            found = bot.get(f"/v2/positions/{name}")
            assert (found["symbol"], found["exchange"], found["asset_class"]) == (
                "BTCUSD",
                "CRYPTO",
                "crypto",
            )
        for name in ("NOSUCH", str(uuid.uuid4()), "BTC", "%00"):
            refused(bot.send("GET", f"/v2/positions/{name}"), 404, 40410000, "position does not exist")
        refused(stranger.send("GET", "/v2/positions/ACME"), 404, 40410000)
        refused(stranger.send("DELETE", "/v2/positions/ACME"), 404, 40410000)

    def test_close_wholly_or_in_part(self, bot, share, coin):
        place(bot, qty=10)
        part = bot.send("DELETE", "/v2/positions/ACME", qty="3")
        assert part.status_code == 200
        assert (part.json()["qty"], part.json()["side"], part.json()["time_in_force"]) == ("3", "sell", "day")
        half = bot.send("DELETE", "/v2/positions/ACME", percentage="50").json()
        assert (half["qty"], half["position_intent"]) == ("3.5", "sell_to_close")
        assert bot.send("DELETE", "/v2/positions/ACME").json()["qty"] == "3.5"
        refused(bot.send("GET", "/v2/positions/ACME"), 404, 40410000)
        place(bot, symbol="BTC/USD", qty="0.01", time_in_force="gtc")
        assert bot.send("DELETE", "/v2/positions/BTC/USD").json()["time_in_force"] == "gtc"
        check_books()

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ({"qty": "0"}, 422, 40010001), ({"qty": "x"}, 422, 40010001), ({"percentage": "0"}, 422, 40010001),
            ({"percentage": "101"}, 422, 40010001), ({"percentage": "NaN"}, 422, 40010001),
            ({"qty": "1", "percentage": "1"}, 422, 40010001), ({"qty": "11"}, 403, 40310000),
        ],
    )  # fmt: skip
    def test_close_refuses(self, bot, share, query, status, code):
        place(bot, qty=10)
        refused(bot.send("DELETE", "/v2/positions/ACME", **query), status, code)

    def test_close_all_answers_207_with_a_body_each(self, bot, share, coin):
        empty = bot.send("DELETE", "/v2/positions")
        assert (empty.status_code, empty.json()) == (207, [])
        place(bot, qty=2)
        place(bot, symbol="BTC/USD", qty="0.01", time_in_force="gtc")
        place(bot, qty=2, side="sell", limit_price=120)
        first = bot.send("DELETE", "/v2/positions")
        assert first.status_code == 207
        acme, bitcoin = first.json()
        assert (acme["symbol"], acme["status"], acme["body"]["code"]) == ("ACME", 403, 40310000)
        assert acme["body"]["held_for_orders"] == "2"
        assert (bitcoin["symbol"], bitcoin["status"], bitcoin["body"]["status"]) == ("BTCUSD", 200, "filled")
        (second,) = bot.send("DELETE", "/v2/positions", cancel_orders="True").json()
        assert (second["status"], second["body"]["status"]) == (200, "filled")
        assert bot.get("/v2/positions") == []
        assert bot.get("/v2/orders") == []

    def test_of_many_fills_those_since_the_last_flat_count(self, bot, share, coin, monkeypatch):
        """However many are read at a time."""
        for side, qty in (("buy", 5), ("sell", 5), ("buy", 3), ("buy", 4), ("sell", 2), ("buy", 1)):
            set_quote(share, f"{90 + qty}", f"{90 + qty}", at=datetime.now(UTC))
            place(bot, side=side, qty=qty)
        place(bot, symbol="BTC/USD", qty="0.1", time_in_force="gtc")
        whole = bot.get("/v2/positions")
        assert [row["qty"] for row in whole] == ["6", "0.09975"]
        # 3 at 93 and 4 at 94, of which a sale leaves the average alone, and 1 at 91.
        expected = ((3 * Decimal(93) + 4 * Decimal(94)) / 7 * 5 + 91) / 6
        assert Decimal(whole[0]["avg_entry_price"]) == pytest.approx(expected, abs=Decimal("1E-9"))
        for chunk in (1, 2, 4, 7):
            monkeypatch.setattr(positions, "_CHUNK", chunk)
            assert bot.get("/v2/positions") == whole

    def test_short_ones_are_negative(self, share):
        bot = make_bot(multiplier=2)
        place(bot, qty=3, side="sell")
        (held,) = bot.get("/v2/positions")
        assert (held["side"], held["qty"], held["qty_available"]) == ("short", "-3", "-3")
        assert Decimal(held["market_value"]) < 0
        assert Decimal(held["cost_basis"]) == Decimal(-300)
        assert bot.send("DELETE", "/v2/positions/ACME").json()["side"] == "buy"


class TestActivities:
    def test_one_row_for_each_execution_newest_first(self, bot, share):
        place(bot, qty=10)
        place(bot, qty=4, side="sell")
        sold, bought = bot.get("/v2/account/activities/FILL")
        assert set(sold) == {
            "id", "activity_type", "transaction_time", "type", "price", "qty", "side", "symbol", "leaves_qty",
            "cum_qty", "order_id", "order_status",
        }  # fmt: skip
        assert (sold["side"], sold["qty"], sold["price"], sold["type"]) == ("sell", "4", "100", "fill")
        assert (bought["cum_qty"], bought["leaves_qty"], bought["order_status"]) == ("10", "0", "filled")
        assert re.fullmatch(r"\d{17}::[0-9a-f-]{36}", sold["id"])

    def test_net_amounts_add_up_to_the_cash(self, share, settings):
        settings.TRADING_FEE_MODEL = "per_share:0.01"
        bot = make_bot()
        place(bot, qty=10)
        place(bot, qty=10, side="sell")
        rows = bot.get("/v2/account/activities")
        cash = sum(Decimal(row["net_amount"]) for row in rows if row["activity_type"] != "FILL")
        for row in rows:
            if row["activity_type"] == "FILL":
                amount = Decimal(row["qty"]) * Decimal(row["price"])
                cash += amount if row["side"] == "sell" else -amount
        assert cash == Decimal(bot.get("/v2/account")["cash"])
        assert {row["activity_type"] for row in rows} == {"FILL", "CSD", "FEE"}

    def test_filters_and_pages(self, bot, share):
        for _ in range(3):
            place(bot)
        everything = bot.get("/v2/account/activities")
        assert [row["activity_type"] for row in everything] == ["FILL"] * 3 + ["CSD"]
        seen, token = [], None
        while True:
            page = bot.get(
                "/v2/account/activities", page_size="2", **({"page_token": token} if token else {})
            )
            if not page:
                break
            seen += [row["id"] for row in page]
            token = page[-1]["id"]
        assert seen == [row["id"] for row in everything]
        backwards = bot.get("/v2/account/activities", direction="asc")
        assert [row["id"] for row in backwards] == seen[::-1]
        assert len(bot.get("/v2/account/activities", category="trade_activity")) == 3
        assert len(bot.get("/v2/account/activities", category="non_trade_activity")) == 1
        assert len(bot.get("/v2/account/activities", activity_types="CSD,DIV")) == 1
        assert len(bot.get("/v2/account/activities", activity_types=["CSD", "FILL"])) == 4
        assert bot.get("/v2/account/activities/DIV") == []
        assert bot.get("/v2/account/activities/OPEXP") == []
        fill = everything[1]
        after = bot.get("/v2/account/activities", after=fill["transaction_time"])
        assert [row["id"] for row in after] == [everything[0]["id"]]
        assert bot.get("/v2/account/activities", until="2020-01-01") == []
        today = datetime.now(UTC).astimezone().date()
        assert isinstance(bot.get("/v2/account/activities", date=today.isoformat()), list)

    @pytest.mark.parametrize(
        ("path", "query", "status"),
        [
            ("", {"page_token": "x"}, 422), ("", {"page_size": "101"}, 422), ("", {"activity_types": "NONSENSE"}, 422),
            ("", {"category": "other"}, 422), ("", {"direction": "up"}, 422), ("/NONSENSE", {}, 404),
            ("", {"date": "2026-01-01", "after": "2026-01-01"}, 422),
            ("", {"activity_types": "FILL", "category": "trade_activity"}, 422),
        ],
    )  # fmt: skip
    def test_refuses(self, bot, path, query, status):
        answer = bot.send("GET", f"/v2/account/activities{path}", **query)
        assert answer.status_code == status
        assert answer.json()["code"]

    def test_fees_of_coins_are_rows_of_their_own(self, coin, settings):
        settings.TRADING_FEE_MODEL = "us_regulatory+crypto_tiers"
        bot = make_bot()
        place(bot, symbol="BTC/USD", qty="0.1", time_in_force="gtc")
        fee = next(row for row in bot.get("/v2/account/activities") if row["activity_type"] == "CFEE")
        assert Decimal(fee["qty"]) < 0
        assert (fee["net_amount"], fee["symbol"]) == ("0", "BTCUSD")


class TestHistory:
    def test_a_new_account_begins_with_its_cash(self, bot, share):
        history = bot.get("/v2/account/portfolio/history")
        assert history["equity"] == [100000]
        assert (history["profit_loss"], history["profit_loss_pct"]) == ([0], [0])
        assert (history["base_value"], history["timeframe"]) == (100000, "1D")

    @pytest.mark.parametrize(
        "query",
        [
            {"period": "1X"}, {"period": "0D"}, {"period": "D"}, {"timeframe": "2Min"}, {"start": "never"},
            {"period": "1D", "start": "2026-01-01", "end": "2026-01-02"}, {"timeframe": "1Min", "period": "3M"},
            {"pnl_reset": "never"}, {"intraday_reporting": "always"}, {"start": "2999-01-01"},
        ],
    )  # fmt: skip
    def test_refuses(self, bot, query):
        refused(bot.send("GET", "/v2/account/portfolio/history", **query), 422, 40010001)

    def test_index_and_foreign_money_do_not_count(self, bot, share):
        make_instrument("SAP.DE", currency="EUR", exchange="XETR")
        place(bot, qty=10)
        history = bot.get("/v2/account/portfolio/history", period="1D", timeframe="1H")
        assert history["equity"][-1] == float(bot.get("/v2/account")["equity"])
