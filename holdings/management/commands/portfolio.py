"""`manage.py portfolio`: a menu for people, subcommands with `--json` for scripts."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.queries import is_auditor
from holdings.management.portfolio_desk import Desk, number, outcome_json, price_json, save_as
from holdings.management.portfolio_menu import Menu
from holdings.management.portfolio_tables import assets_table, backups_table, outcome_lines, price_line
from portfolio_site.kernel.errors import DomainError, NotFoundError


class Command(BaseCommand):
    """Exit status 0 when it was done, 1 with the reason when it was refused, 2 when the question was wrong."""

    help = "Look after a person's assets: without a subcommand by a menu, with one for scripts."

    def add_arguments(self, parser: CommandParser) -> None:
        """Subcommands; `--user` may stand before or after them."""
        common = _common()
        parser.add_argument(
            "--user", dest="menu_user", metavar="EMAIL", help="Whose portfolio (for the menu)."
        )
        actions = parser.add_subparsers(dest="action", metavar="view|add|remove|update|price|backup|restore")
        for name, about, arguments in SUBCOMMANDS:
            action = actions.add_parser(name, help=about, parents=[common], add_help=True)
            for flags, options in arguments:
                action.add_argument(*flags, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked for."""
        action = options["action"]
        email = options.get("user") or options["menu_user"]
        if action is None:
            Menu(Desk(_person(email), None), ask=input, say=self.stdout.write).run()
            return
        try:
            desk = Desk(_person(email), options["portfolio"])
            answer, text = getattr(self, f"do_{action}")(desk, options)
        except DomainError as error:
            self._refuse(options, error.message, code=error.code, field=error.field, status=1)
        except CommandError as error:
            self._refuse(options, str(error), status=error.returncode)
        except UnicodeError:
            self._refuse(options, "There is something in the question that is no text.")
        except (ValueError, OSError) as error:
            self._refuse(options, str(error))
        self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=1) if options["json"] else text)

    def _refuse(
        self,
        options: dict[str, Any],
        message: str,
        *,
        code: str = "wrong_question",
        field: str | None = None,
        status: int = 2,
    ) -> NoReturn:
        """End with the reason: on the standard output as JSON where that was asked for, else on the error output."""
        if options["json"]:
            body = {"error": {"code": code, "field": field, "message": message}}
            self.stdout.write(json.dumps(body, ensure_ascii=False))
            sys.exit(status)
        raise CommandError(message, returncode=status)

    def do_view(self, desk: Desk, options: dict[str, Any]) -> tuple[Any, str]:
        """Assets and totals."""
        view = desk.view()
        return view, assets_table(view)

    def do_add(self, desk: Desk, options: dict[str, Any]) -> tuple[Any, str]:
        """More of an asset."""
        price = number(options["price"]) if options["price"] else None
        on = date.fromisoformat(options["date"]) if options["date"] else None
        made = desk.add(
            options["symbol"], number(options["quantity"]), price=price, kind=options["type"], on=on
        )
        return made, f"{made['quantity']} {made['symbol']}"

    def do_remove(self, desk: Desk, options: dict[str, Any]) -> tuple[Any, str]:
        """An asset goes."""
        return desk.remove(options["symbol"]), f"{options['symbol']} was removed"

    def do_update(self, desk: Desk, options: dict[str, Any]) -> tuple[Any, str]:
        """Another quantity."""
        price = number(options["price"]) if options["price"] else None
        made = desk.update(options["symbol"], number(options["quantity"], zero=True), price=price)
        return made, f"{made['quantity']} {made['symbol']}"

    def do_price(self, desk: Desk, options: dict[str, Any]) -> tuple[Any, str]:
        """Latest prices."""
        answers = desk.prices(options["symbol"], currency=options["currency"])
        return {"prices": [price_json(row) for row in answers]}, "\n".join(price_line(row) for row in answers)

    def do_backup(self, desk: Desk, options: dict[str, Any]) -> tuple[Any, str]:
        """A backup, or the list of them."""
        if options["list"]:
            found = desk.backups()
            return {"backups": found}, backups_table(found) if found else "There is no backup yet."
        made = desk.back_up(everything=options["portfolio"] is None)
        if options["output"]:
            with desk.fetch(UUID(made["id"])) as content:
                save_as(content, Path(options["output"]))
        return made, f"{made['id']}  {made['filename']}  {made['size']} bytes"

    def do_restore(self, desk: Desk, options: dict[str, Any]) -> tuple[Any, str]:
        """A backup comes back."""
        if options["file"]:
            content: Any = Path(options["file"]).open("rb")  # noqa: SIM115 - closed below, with the fetched one
        else:
            found = desk.backups()
            chosen = options["backup"] or (found[0]["id"] if found else None)
            if chosen is None:
                raise NotFoundError("There is no backup yet.", code="no_backup")
            content = desk.fetch(UUID(chosen))
        with content:
            outcomes = desk.restore(
                content, into=options["into"], exact=options["exact"], preview=options["preview"]
            )
        lines = [line for row in outcomes for line in outcome_lines(row, would=options["preview"])]
        return {"portfolios": [outcome_json(row) for row in outcomes]}, "\n".join(lines)


def _common() -> CommandParser:
    common = CommandParser(add_help=False)
    common.add_argument(
        "--user", metavar="EMAIL", help="Whose portfolio; may be left out where there is one trader."
    )
    common.add_argument(
        "--portfolio", type=int, metavar="ID", help="Another than the oldest tracked portfolio."
    )
    common.add_argument("--json", action="store_true", help="Answer in JSON, refusals too.")
    return common


_SYMBOL = (("symbol",), {"help": "A ticker, a coin or an ISIN."})
_PRICE = (("--price",), {"default": "", "help": "What one unit cost; else the day's price."})
SUBCOMMANDS: list[tuple[str, str, list[tuple[tuple[str, ...], dict[str, Any]]]]] = [
    ("view", "What there is, and what it is worth.", []),
    (
        "add",
        "Add to what there is of an asset.",
        [
            _SYMBOL,
            (("quantity",), {}),
            _PRICE,
            (("--type",), {"choices": ["crypto", "stock"]}),
            (("--date",), {"default": "", "help": "Since when (YYYY-MM-DD); else today."}),
        ],
    ),
    ("remove", "Take an asset off the list.", [_SYMBOL]),
    ("update", "Say how much there is of an asset.", [_SYMBOL, (("quantity",), {}), _PRICE]),
    (
        "price",
        "The latest prices.",
        [(("symbol",), {"nargs": "+"}), (("--currency",), {"default": "", "help": "Convert into it."})],
    ),
    (
        "backup",
        "Put a backup away: of one portfolio with --portfolio, else of all.",
        [
            (("--output",), {"metavar": "PATH", "help": "Save it here as well."}),
            (("--list",), {"action": "store_true", "help": "Only list what was put away."}),
        ],
    ),
    (
        "restore",
        "Bring a backup back: the newest, a chosen one, or a file.",
        [
            (("--backup",), {"metavar": "ID"}),
            (("--file",), {"metavar": "PATH"}),
            (
                ("--into",),
                {"type": int, "metavar": "ID", "help": "An existing portfolio; else a new one is made."},
            ),
            (("--exact",), {"action": "store_true", "help": "Take back what was booked since."}),
            (("--preview",), {"action": "store_true", "help": "Only say what would change."}),
        ],
    ),
]


def _person(email: str | None) -> Any:
    people = get_user_model().objects.filter(is_active=True)
    if email:
        found = people.filter(email__iexact=email.strip()).first()
        if found is None:
            raise CommandError(f"There is no active person with the address {email}.", returncode=2)
    else:
        traders = list(people.filter(groups__name="Trader")[:2])
        if len(traders) != 1:
            raise CommandError("Say whose portfolio it is: --user EMAIL.", returncode=2)
        found = traders[0]
    if is_auditor(found):
        raise CommandError("An auditor has no portfolio.", returncode=2)
    return found
