"""`manage.py portfolio`: every subcommand for scripts, and the menu's eight options in a real terminal."""

from __future__ import annotations

import io
import json
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pexpect
import pytest
from django.core.management import CommandError, call_command

from accounts.tests.support import make_user
from holdings.management.portfolio_desk import number
from holdings.models import Portfolio
from holdings.tests.support import NOW, assert_books_are_right, make_instrument, make_prices, make_rates
from marketdata.operations import apply_quotes
from marketdata.providers.base import QuoteData
from portfolio_site.kernel import clock
from tests.support import live_site

ROOT = Path(__file__).resolve().parents[2]


def make_market(now: Any) -> None:
    """A share at 150 dollars and a coin at 40 000."""
    for symbol, kind, price in (("ACME", "equity", "150"), ("BTC-USD", "crypto", "40000")):
        thing = make_instrument(symbol, asset_class=kind)
        make_prices(thing, {now.date().isoformat(): price})
        quote = QuoteData(
            instrument_id=thing.pk, last=Decimal(price), bid=None, ask=None, quoted_at=now, source="test",
            is_simulated=False,
        )  # fmt: skip
        apply_quotes(quotes=[quote], now=now)
    make_rates(EURUSD="1.25")


def run(*arguments: str) -> Any:
    out = io.StringIO()
    call_command("portfolio", *arguments, "--user", "owner@example.org", "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.django_db
@pytest.mark.usefixtures("at_noon", "owner")
class TestSubcommands:
    @pytest.fixture(autouse=True)
    def _market(self, db: None) -> None:
        make_market(NOW)

    def test_add_view_update_remove(self) -> None:
        assert run("add", "btc", "0.5", "--price", "30000", "--type", "crypto")["quantity"] == "0.5"
        assert run("add", "ACME", "10", "--price", "100", "--date", "2026-05-02")["quantity"] == "10"
        view = run("view")
        assert [(row["symbol"], row["value"]) for row in view["assets"]] == [
            ("BTC-USD", "16000"),
            ("ACME", "1200"),
        ]
        assert (view["total_value"], view["currency"]) == ("17200", "EUR")
        assert run("update", "acme", "4")["quantity"] == "4"
        assert run("remove", "BTC") == {"id": view["assets"][0]["id"], "symbol": "BTC", "quantity": "0"}
        assert [row["symbol"] for row in run("view")["assets"]] == ["ACME"]
        assert_books_are_right(Portfolio.objects.get())

    def test_price(self) -> None:
        answer = run("price", "ACME", "BTC", "NOPE", "--currency", "eur")["prices"]
        assert [(row["price"], row["currency"]) for row in answer] == [
            ("120", "EUR"),
            ("32000", "EUR"),
            (None, None),
        ]
        assert answer[2]["error"]["code"] == "unknown_symbol"

    def test_backup_and_restore(self, tmp_path: Path) -> None:
        run("add", "ACME", "10", "--price", "100")
        made = run("backup", "--output", str(tmp_path / "b.zip"))
        assert run("backup", "--list")["backups"] == [made]
        portfolio = Portfolio.objects.get().pk
        same = run("restore", "--into", str(portfolio), "--exact")["portfolios"]
        assert [row["changes_nothing"] for row in same] == [True]
        assert run("restore", "--preview", "--file", str(tmp_path / "b.zip"))["portfolios"][0]["added"] == 1
        assert Portfolio.objects.count() == 1
        fresh = run("restore", "--backup", made["id"])["portfolios"][0]
        assert run("view", "--portfolio", str(fresh["portfolio_id"]))["total_value"] == "1200"

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (("add", "NOPE", "1"), "unknown_symbol"),
            (("remove", "ACME"), "asset_not_found"),
            (("view", "--portfolio", "99999"), "portfolio_not_found"),
            (("restore", "--file", __file__), "restore_refused"),
        ],
    )
    def test_refusals_are_json_with_status_1(
        self, arguments: tuple[str, ...], code: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = io.StringIO()
        with pytest.raises(SystemExit) as left:
            call_command("portfolio", *arguments, "--user", "owner@example.org", "--json", stdout=out)
        assert left.value.code == 1
        assert json.loads(out.getvalue())["error"]["code"] == code

    @pytest.mark.parametrize(
        "arguments",
        [("add", "ACME", "many"), ("add", "ACME", "-1"), ("add", "ACME", "1e99"), ("add", "ACME", "1", "--date", "x"),
         ("restore", "--file", "/nowhere")],
    )  # fmt: skip
    def test_wrong_questions_have_status_2(
        self, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(CommandError) as caught:
            call_command("portfolio", *arguments, "--user", "owner@example.org")
        assert caught.value.returncode == 2
        out = io.StringIO()
        with pytest.raises(SystemExit) as left:
            call_command("portfolio", *arguments, "--user", "owner@example.org", "--json", stdout=out)
        assert left.value.code == 2
        error = json.loads(out.getvalue())["error"]
        assert (error["code"], error["message"]) == ("wrong_question", str(caught.value))

    @pytest.mark.parametrize(
        "arguments", [("view", "--user", "nobody@example.org"), ("restore", "--backup", "x")]
    )
    def test_whatever_is_refused_is_json_where_that_was_asked_for(self, arguments: tuple[str, ...]) -> None:
        out = io.StringIO()
        with pytest.raises(SystemExit):
            call_command("portfolio", *arguments, "--json", stdout=out)
        assert json.loads(out.getvalue())["error"]["message"]

    @pytest.mark.parametrize(
        ("text", "read"), [("12,5", "12.5"), ("0,125", "0.125"), ("1500", "1500"), ("1,5000", "1.5"), ("1,000", None),
                           ("12,345", None), ("1,000.50", None)],
    )  # fmt: skip
    def test_a_comma_is_no_guess(self, text: str, read: str | None) -> None:
        if read is not None:
            assert number(text) == Decimal(read)
            return
        with pytest.raises(ValueError, match=r"two ways|not a number"):
            number(text)

    def test_unknown_people_have_no_portfolio(self) -> None:
        with pytest.raises(CommandError, match="no active person"):
            call_command("portfolio", "view", "--user", "nobody@example.org")


@pytest.mark.django_db(transaction=True)
class TestMenu:
    @pytest.fixture
    def terminal(self) -> Any:
        make_user("owner@example.org", base_currency="USD")
        make_market(clock.now())
        child = pexpect.spawn(
            sys.executable,
            ["manage.py", "portfolio", "--user", "owner@example.org"],
            cwd=str(ROOT),
            env={**os.environ, "DATABASE_URL": live_site.test_database_url(), "TERM": "dumb"},
            encoding="utf-8",
            timeout=60,
            echo=False,
        )
        yield child
        child.close(force=True)

    def test_all_eight_options(self, terminal: Any, tmp_path: Path) -> None:
        def answer(prompt: str, text: str) -> None:
            terminal.expect_exact(prompt)
            terminal.sendline(text)

        choice = "What would you like to do (1-8)? "
        answer(choice, "9")
        terminal.expect_exact("Type a number from 1 to 8.")
        answer(choice, "1")
        terminal.expect_exact("nothing in the portfolio yet")

        answer(choice, "2")
        answer("Symbol (empty: back): ", "NOPE")
        terminal.expect_exact("No instrument has the symbol")
        answer("Symbol (empty: back): ", "acme")
        answer("Quantity: ", "ten")
        terminal.expect_exact("is not a number")
        answer("Quantity: ", "-1")
        terminal.expect_exact("more than zero")
        answer("Quantity: ", "10")
        answer("Price of one", "100")
        terminal.expect_exact("You now have 10 ACME.")

        answer(choice, "6")
        terminal.expect_exact("was put away")

        answer(choice, "4")
        answer("Symbol (empty: back): ", "ACME")
        answer("Quantity now: ", "2.5")
        answer("Price of one that was added", "")
        terminal.expect_exact("You now have 2.5 ACME.")

        answer(choice, "5")
        answer("Symbols", "ACME BTC NOPE")
        terminal.expect_exact("150 USD")
        terminal.expect_exact("40000 USD")
        terminal.expect_exact("NOPE: No instrument has this symbol.")

        answer(choice, "7")
        answer("Which one (1-1", "2")
        terminal.expect_exact("Type a number from 1 to 1.")
        answer("Which one (1-1", "1")
        answer("Restore as a", "f")
        answer("Path", str(tmp_path / "backup.zip"))
        terminal.expect_exact("Saved as")
        answer(choice, "7")
        answer("Which one (1-1", "1")
        answer("Restore as a", "s")
        terminal.expect_exact("1 taken back")
        terminal.expect_exact("ACME: 2.5 → 10")
        answer("Do it (yes/no)? ", "yes")
        terminal.expect_exact("were added")

        answer(choice, "3")
        answer("Symbol (empty: back): ", "ACME")
        answer("(yes/no)? ", "no")
        terminal.expect_exact("Nothing was changed.")
        answer(choice, "1")
        terminal.expect_exact("1,500.00")
        answer(choice, "8")
        terminal.expect_exact("Goodbye.")
        terminal.expect(pexpect.EOF)
        terminal.wait()
        assert terminal.exitstatus == 0
        assert (tmp_path / "backup.zip").stat().st_size > 0
        assert_books_are_right(Portfolio.objects.get())

    def test_what_means_harm_is_asked_again(self, terminal: Any) -> None:
        choice = "What would you like to do (1-8)? "
        terminal.expect_exact(choice)
        for bad in (b"\xff\xfe", b"\xed\xa0\x80"):
            os.write(terminal.child_fd, bad + b"\n")
            terminal.expect_exact("no text that can be read")
            terminal.expect_exact(choice)
        for text in ("", "0", "9" * 300, "\u0661", "8; ls", "' OR 1=1 --", "{{7*7}}"):
            terminal.sendline(text)
            terminal.expect_exact("Type a number from 1 to 8.")
            terminal.expect_exact(choice)
        terminal.sendline("5")
        terminal.expect_exact("back): ")
        os.write(terminal.child_fd, b"AC\x01ME\n")
        terminal.expect_exact("mean something to a terminal only")
        terminal.expect_exact("back): ")
        terminal.sendline("'; DROP TABLE holdings_portfolio; -- " + "x" * 500)
        terminal.expect_exact("No instrument has this symbol.")
        terminal.expect_exact(choice)
        terminal.sendline("2")
        terminal.expect_exact("back): ")
        terminal.sendline("ACME")
        for text in ("1e999", "NaN", "-Infinity", "1,000", "0", "9" * 60, "1 000"):
            terminal.expect_exact("Quantity: ")
            terminal.sendline(text)
        terminal.expect_exact("Quantity: ")
        terminal.sendline("")
        terminal.expect_exact("Nothing was changed.")
        terminal.expect_exact(choice)
        terminal.sendline("8")
        terminal.expect_exact("Goodbye.")
        assert not Portfolio.objects.exists()

    def test_the_end_of_input_leaves_politely(self, terminal: Any) -> None:
        terminal.expect_exact("(1-8)? ")
        terminal.sendline("2")
        terminal.expect_exact("back): ")
        terminal.sendeof()
        terminal.expect_exact("Goodbye.")
        terminal.expect(pexpect.EOF)
        terminal.wait()
        assert terminal.exitstatus == 0
