"""The counter: `manage.py create_paper_account --email E --cash C` opens a paper account with a key pair for programs."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import User
from accounts.operations import register_user
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from trading.operations import IssuedKey, create_api_key, open_paper_account
from trading.queries import account_of


class Command(BaseCommand):
    """Makes the person, too, where nobody has the address: without a password, which they set by mail."""

    help = "Open a paper account and print its key pair; the secret is shown this one time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What can be said on the command line."""
        parser.add_argument("--email", required=True, help="whose account it is; made if nobody has it")
        parser.add_argument("--cash", required=True, type=_decimal, help="play money to start with")
        parser.add_argument("--currency", default="USD", type=str.upper)
        parser.add_argument(
            "--margin",
            type=int,
            default=1,
            choices=[1, 2, 4],
            help="1: cash account (default); 2 or 4: may borrow so many times, and sell short",
        )
        parser.add_argument("--name", default="Paper trading")
        parser.add_argument("--rate-limit", type=int, help="requests a minute (default: the site's)")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing, all of it or nothing, and print it."""
        try:
            validate_email(options["email"])
        except ValidationError as error:
            raise CommandError(f"“{options['email']}” is not an e-mail address.") from error
        try:
            with transaction.atomic():
                facts = self._make(options, now=clock.now())
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        if options["as_json"]:
            self.stdout.write(json.dumps(facts))
            return
        width = max(len(name) for name in facts)
        for name, value in facts.items():
            self.stdout.write(f"{name:<{width}}  {value}")

    def _make(self, options: dict[str, Any], *, now: datetime) -> dict[str, Any]:
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            user = register_user(email=options["email"], password=None, now=now, is_email_verified=True)
        portfolio_id = open_paper_account(
            owner=user,
            name=options["name"],
            cash=options["cash"],
            currency=options["currency"],
            multiplier=options["margin"],
            now=now,
        )
        account = account_of(portfolio_id)
        assert account is not None
        issued: IssuedKey = create_api_key(
            portfolio_id=portfolio_id,
            actor=user,
            name="Command line",
            rate_limit=options["rate_limit"],
            now=now,
        )
        return {
            "email": user.email,
            "portfolio_id": portfolio_id,
            "account_id": str(account.id),
            "account_number": account.account_number,
            "multiplier": account.multiplier,
            "cash": f"{options['cash']:f}",
            "currency": options["currency"],
            "key_id": issued.key.key_id,
            "secret_key": issued.secret,
            "rate_limit": issued.key.rate_limit,
            "base_url": f"{settings.SITE_URL}/alpaca",
        }


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise CommandError(f"“{text}” is not a number.") from error
    if not value.is_finite():
        raise CommandError(f"“{text}” is not an amount.")
    return value
