"""The menu of `manage.py portfolio`: eight things to do, clear questions, and a way out at every one of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from uuid import UUID

from holdings.management.portfolio_desk import Desk, number, save_as
from holdings.management.portfolio_tables import assets_table, backups_table, outcome_lines, price_line
from portfolio_site.kernel.errors import DomainError

T = TypeVar("T")

MENU = """
  1  View portfolio
  2  Add an asset
  3  Remove an asset
  4  Update a quantity
  5  Check a price
  6  Upload to S3 (back up)
  7  Download from S3 (restore)
  8  Exit
"""


class Leave(Exception):
    """The input has ended, or somebody pressed Ctrl-C at a question of the menu."""


class Back(Exception):
    """An empty answer: back to the menu, nothing done."""


class Menu:
    """A conversation on a terminal; `ask` reads a line after a prompt, `say` writes one."""

    def __init__(self, desk: Desk, *, ask: Callable[[str], str], say: Callable[[str], None]) -> None:
        self.desk, self._ask, self.say = desk, ask, say
        self.choices: dict[str, Callable[[], None]] = {
            "1": self.view,
            "2": self.add,
            "3": self.remove,
            "4": self.update,
            "5": self.price,
            "6": self.upload,
            "7": self.download,
        }

    def run(self) -> None:
        """Show the menu until somebody leaves."""
        try:
            while True:
                self.say(MENU)
                choice = self.line("What would you like to do (1-8)? ")
                if choice == "8":
                    break
                if choice not in self.choices:
                    self.say("Type a number from 1 to 8.")
                    continue
                try:
                    self.choices[choice]()
                except Back:
                    self.say("Nothing was changed.")
                except DomainError as error:
                    self.say(f"That did not work: {error.message}")
        except Leave:
            self.say("")
        self.say("Goodbye.")

    def line(self, prompt: str) -> str:
        """One line of input that can be read. Raises `Leave` at its end."""
        while True:
            try:
                text = self._ask(prompt).strip()
                text.encode()
            except (EOFError, KeyboardInterrupt) as error:
                raise Leave from error
            except UnicodeError:
                self.say("That is no text that can be read. Type it again.")
                continue
            if any(unicodedata.category(sign) == "Cc" for sign in text):
                self.say("There are signs in it that mean something to a terminal only. Type it again.")
                continue
            return text

    def until(self, prompt: str, read: Callable[[str], T]) -> T:
        """Ask until the answer can be read; the reason stands before the next try. Raises `Back` at an empty one."""
        while True:
            text = self.line(prompt)
            if not text:
                raise Back
            try:
                return read(text)
            except ValueError as error:
                self.say(str(error))

    def optional(self, prompt: str) -> Decimal | None:
        """A number, or nothing."""
        while True:
            text = self.line(prompt)
            if not text:
                return None
            try:
                return number(text)
            except ValueError as error:
                self.say(str(error))

    def view(self) -> None:
        """What there is."""
        self.say(assets_table(self.desk.view()))

    def add(self) -> None:
        """More of something."""
        symbol = self.until("Symbol (empty: back): ", self._known)
        quantity = self.until("Quantity: ", number)
        price = self.optional("Price of one (empty: today's): ")
        made = self.desk.add(symbol, quantity, price=price)
        self.say(f"You now have {made['quantity']} {made['symbol']}.")

    def remove(self) -> None:
        """Something goes."""
        symbol = self.until("Symbol (empty: back): ", self._held)
        if self.line(f"Remove {symbol} from the portfolio (yes/no)? ").lower() not in ("y", "yes"):
            raise Back
        self.desk.remove(symbol)
        self.say(f"{symbol} was removed.")

    def update(self) -> None:
        """Another quantity."""
        symbol = self.until("Symbol (empty: back): ", self._held)
        quantity = self.until("Quantity now: ", lambda text: number(text, zero=True))
        price = self.optional("Price of one that was added (empty: today's): ")
        made = self.desk.update(symbol, quantity, price=price)
        self.say(f"You now have {made['quantity']} {made['symbol']}.")

    def price(self) -> None:
        """What something costs."""
        for answer in self.desk.prices(self.until("Symbols, with spaces between (empty: back): ", str.split)):
            self.say(price_line(answer))

    def upload(self) -> None:
        """A backup."""
        made = self.desk.back_up(everything=False)
        self.say(f"{made['filename']} was put away ({made['size']} bytes, SHA-256 {made['sha256'][:12]}…).")

    def download(self) -> None:
        """A backup comes back, or becomes a file."""
        found = self.desk.backups()
        if not found:
            self.say("There is no backup yet. Make one with 6.")
            return
        self.say(backups_table(found))

        def chosen(text: str) -> dict[str, Any]:
            if not (text.isascii() and text.isdigit() and 1 <= int(text) <= len(found)):
                raise ValueError(f"Type a number from 1 to {len(found)}.")
            return found[int(text) - 1]

        backup = self.until(f"Which one (1-{len(found)}, empty: back)? ", chosen)
        with self.desk.fetch(UUID(backup["id"])) as content:
            self._use(backup, content)

    def _use(self, backup: dict[str, Any], content: BinaryIO) -> None:
        way = self.until("Restore as a (n)ew portfolio, restore the (s)ame one, or save as a (f)ile? ", _way)
        if way == "f":
            self.until(f"Path (for example {backup['filename']}): ", lambda text: self._saved(content, text))
            return
        portfolio = self.desk.portfolio
        into = portfolio.pk if way == "s" and portfolio else None
        for outcome in self.desk.restore(content, into=into, exact=into is not None, preview=True):
            self.say("\n".join(outcome_lines(outcome, would=True)))
        if self.line("Do it (yes/no)? ").lower() not in ("y", "yes"):
            raise Back
        for outcome in self.desk.restore(content, into=into, exact=into is not None):
            self.say("\n".join(outcome_lines(outcome, would=False)))

    def _saved(self, content: BinaryIO, text: str) -> None:
        path = Path(text).expanduser()
        try:
            save_as(content, path)
        except OSError as error:
            raise ValueError(f"That cannot be written: {error.strerror or error}.") from error
        self.say(f"Saved as {path}.")

    def _known(self, text: str) -> str:
        answer = self.desk.prices([text])[0]
        if answer.error is not None and answer.error.code == "unknown_symbol":
            raise ValueError(f"No instrument has the symbol “{text[:40]}”.")
        return text

    def _held(self, text: str) -> str:
        try:
            self.desk.held(text)
        except DomainError as error:
            raise ValueError(error.message) from error
        return text


def _way(text: str) -> str:
    if text[:1].lower() not in ("n", "s", "f"):
        raise ValueError("Type n, s or f.")
    return text[0].lower()
