"""`manage.py make_demo`: a market, a trader with history and an administrator. Safe to run again."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from marketdata.operations import Adoption
from portfolio_site.kernel import clock
from portfolio_site.web.demo import making


def _told(real: Adoption) -> str:
    if real.adopted:
        names = " and ".join(sorted(set(real.adopted.values())))
        return f"Real prices of {len(real.adopted)} instruments from {names}; what they do not have is simulated."
    if real.unreachable:
        told = "; ".join(f"{name} {why}" for name, why in real.unreachable.items())
        return f"No real prices can be had ({told}): the market is simulated."
    return "The prices are those that were here, or simulated."


class Command(BaseCommand):
    """Make what is missing of the demo site and print the logins."""

    help = "Make the demo site (market, trader, administrator); what is there already is left alone."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make market, people, portfolio and paper account, each complete or not at all."""
        if not settings.DEMO:
            raise CommandError("This site is not a demo (DEMO is off): no demo data is made.")
        now = clock.now()
        logins = making.demo_logins(settings.BASE_DIR / ".local" / "demo-logins.json")
        self.stdout.write("Market: instruments, ten years of prices …")
        self.stdout.write(_told(making.make_market(now=now)))
        people = making.make_people(logins=logins, now=now)
        self.stdout.write("Demo trader: five years of history, a practice account …")
        making.make_savings(owner=people["trader"], now=now)
        making.make_practice(owner=people["trader"], now=now)
        for login in logins:
            self.stdout.write(f"{login.role:>14}: {login.email}  password: {login.password}")
