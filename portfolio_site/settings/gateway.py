"""The frame: how providers of prices are asked, and what is believed of what they say. See docs/marketdata.md."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from django.core.exceptions import ImproperlyConfigured

from . import environment


def _limits(text: str) -> dict[str, tuple[int | None, int | None]]:
    """Read `yahoo=60/min,2000/day;ecb=none` into calls a minute and a day by provider."""
    found: dict[str, tuple[int | None, int | None]] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, _, value = entry.partition("=")
        allowed: dict[str, int | None] = {"min": None, "day": None}
        for limit in filter(None, (part.strip() for part in value.split(","))):
            match = re.fullmatch(r"([1-9][0-9]*)/(min|day)", limit)
            if match:
                allowed[match[2]] = int(match[1])
            elif limit != "none":
                raise ImproperlyConfigured(
                    f"PROVIDER_LIMITS: cannot read “{limit}”; write 60/min or 500/day."
                )
        found[name.strip()] = (allowed["min"], allowed["day"])
    return found


def _jumps(text: str) -> dict[str, Decimal]:
    """Read `default=25,crypto=40` (percent) into fractions by asset class."""
    found: dict[str, Decimal] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = entry.partition("=")
        try:
            percent = Decimal(value)
        except InvalidOperation as error:
            raise ImproperlyConfigured(f"QUOTE_JUMP_PERCENT: “{value}” is not a number.") from error
        if not percent > 0:
            raise ImproperlyConfigured("QUOTE_JUMP_PERCENT: a limit is more than zero.")
        found[name.strip()] = percent / 100
    return found


#: Calls a minute and a day by provider, where they differ from what the vendor says it allows.
PROVIDER_LIMITS = _limits(environment.PROVIDER_LIMITS_TEXT)

#: How far a price may move against the stored one, as a fraction, before it has to be confirmed.
QUOTE_JUMP_LIMITS = {
    "default": Decimal("0.25"),
    "crypto": Decimal("0.4"),
    "currency": Decimal("0.1"),
    "bond": Decimal("0.15"),
    "fund": Decimal("0.15"),
    "index": Decimal("0.15"),
    **_jumps(environment.QUOTE_JUMP_PERCENT),
}

#: How often what matters now is asked of a real provider while its market is open, in seconds.
QUOTE_POLL_SECONDS = environment.QUOTE_POLL_SECONDS
#: How often everything else is, in hours.
QUOTE_REST_HOURS = environment.QUOTE_REST_HOURS
