"""Opening, changing and archiving a portfolio, and the accounts in it."""

from __future__ import annotations

import zoneinfo
from datetime import datetime
from decimal import Decimal
from itertools import chain, count
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from holdings.domain.numbers import decimals
from holdings.domain.types import PortfolioError
from holdings.events import PortfolioChanged, PortfolioCreated, stream_of
from holdings.models import Account, AccountKind, CostBasisMethod, Portfolio, PortfolioKind, Transaction
from holdings.operations.locking import lock_for_writing, lock_portfolio
from holdings.operations.rebuilding import rebuild_locked
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.events import publish
from portfolio_site.kernel.money import is_currency

SECURITIES_NAME = "Securities"
CASH_NAME = "Cash"
ZERO = Decimal(0)
# Of a fraction: four of a percentage.
RATE_DECIMALS = 6


class PortfolioRefused(DomainError):
    """A portfolio or account cannot be as it was asked for; `field` says why."""

    code = "portfolio_refused"


def create_portfolio(
    *,
    owner: Any,
    name: str,
    base_currency: str,
    now: datetime,
    kind: str = PortfolioKind.TRACKED,
    cost_basis_method: str = CostBasisMethod.FIFO,
    allow_short: bool = False,
    allow_negative_cash: bool = False,
    tax_country: str = "",
    time_zone: str = "",
    risk_free_rate: Decimal = ZERO,
    automatic_actions: bool = False,
    starting_cash: Decimal | None = None,
    starting_cash_currency: str = "",
) -> Portfolio:
    """Open a portfolio with a securities account that settles in a cash account.

    `starting_cash` (paper portfolios: what the person plays with) is booked as a deposit in `starting_cash_currency`,
    or else in the base currency. Raises `PortfolioRefused` with the field at fault.
    """
    clean_name = _clean_name(name)
    _check_settings(
        base_currency=base_currency,
        kind=kind,
        cost_basis_method=cost_basis_method,
        tax_country=tax_country,
        time_zone=time_zone or owner.time_zone,
    )
    _check_rate(risk_free_rate)
    if starting_cash is not None and kind != PortfolioKind.PAPER:
        raise PortfolioRefused(
            "Starting cash is for paper portfolios; book a deposit.", field="starting_cash"
        )
    with transaction.atomic():
        portfolio = Portfolio.objects.create(
            owner=owner,
            name=clean_name,
            kind=kind,
            base_currency=base_currency,
            cost_basis_method=cost_basis_method,
            allow_short=allow_short,
            allow_negative_cash=allow_negative_cash,
            tax_country=tax_country,
            time_zone=time_zone or owner.time_zone,
            risk_free_rate=risk_free_rate,
            automatic_actions=automatic_actions,
            created_at=now,
        )
        cash = Account.objects.create(
            portfolio=portfolio, name=CASH_NAME, kind=AccountKind.CASH, currency=base_currency, created_at=now
        )
        Account.objects.create(
            portfolio=portfolio,
            name=SECURITIES_NAME,
            kind=AccountKind.SECURITIES,
            currency=base_currency,
            cash_account=cash,
            created_at=now,
        )
        publish(
            PortfolioCreated(portfolio_id=portfolio.pk, user_id=portfolio.owner_id, kind=portfolio.kind),
            stream=stream_of(portfolio.pk),
        )
        if starting_cash is not None:
            from holdings.operations.posting import post_starting_cash

            post_starting_cash(
                portfolio_id=portfolio.pk,
                amount=starting_cash,
                currency=starting_cash_currency or base_currency,
                actor=owner,
                now=now,
            )
            portfolio.refresh_from_db()
    return portfolio


def update_portfolio(
    *,
    portfolio_id: int,
    actor: Any,
    now: datetime,
    name: str | None = None,
    base_currency: str | None = None,
    cost_basis_method: str | None = None,
    allow_short: bool | None = None,
    tax_country: str | None = None,
    time_zone: str | None = None,
    risk_free_rate: Decimal | None = None,
    automatic_actions: bool | None = None,
) -> Portfolio:
    """Change the settings that are given. What the figures follow from is recomputed in the same transaction.

    `risk_free_rate` is a fraction a year (0.025). With `automatic_actions` the dividends and splits that wait without a
    doubt are booked within minutes, and later ones on their ex-date.

    The base currency and the time zone can change only while the journal is empty: entries carry the rate to the one
    and the day in the other. Raises `PortfolioRefused`, `PortfolioUnknown`, `PortfolioArchived`.
    """
    wanted = {
        "base_currency": base_currency,
        "cost_basis_method": cost_basis_method,
        "allow_short": allow_short,
        "tax_country": tax_country,
        "time_zone": time_zone,
    }
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        changed: dict[str, Any] = {
            field: value
            for field, value in wanted.items()
            if value is not None and value != getattr(locked, field)
        }
        if locked.is_traded and "allow_short" in changed:
            raise PortfolioRefused(
                "Whether a trading account sells short is settled when it is opened.", field="allow_short"
            )
        _check_settings(**{field: value for field, value in changed.items() if field != "allow_short"})
        if name is not None:
            changed["name"] = _clean_name(name)
        if risk_free_rate is not None:
            _check_rate(risk_free_rate)
            changed["risk_free_rate"] = risk_free_rate
        if automatic_actions is not None:
            changed["automatic_actions"] = automatic_actions
        if {"base_currency", "time_zone"} & changed.keys() and _has_entries(portfolio_id):
            field = "base_currency" if "base_currency" in changed else "time_zone"
            raise PortfolioRefused(
                "This can change only while the portfolio has no entries, because each entry carries "
                + (
                    "its rate to this currency." if field == "base_currency" else "its day in this time zone."
                ),
                field=field,
            )
        if not changed:
            return Portfolio.objects.get(pk=portfolio_id)
        Portfolio.objects.filter(pk=portfolio_id).update(**changed, revision=F("revision") + 1)
        if {"cost_basis_method", "allow_short", "tax_country"} & changed.keys():
            _recompute(portfolio_id, changed)
        publish(
            PortfolioChanged(portfolio_id=portfolio_id, user_id=locked.owner_id),
            stream=stream_of(portfolio_id),
        )
        return Portfolio.objects.get(pk=portfolio_id)


def _recompute(portfolio_id: int, changed: dict[str, Any]) -> None:
    try:
        rebuild_locked(lock_portfolio(portfolio_id))
    except PortfolioError as error:
        field = "allow_short" if "allow_short" in changed else next(iter(changed))
        raise PortfolioRefused(
            "The entries do not fit this setting: some of them could not have happened under it.",
            code="entries_do_not_fit",
            field=field,
        ) from error


def archive_portfolio(*, portfolio_id: int, actor: Any, now: datetime) -> None:
    """Put a portfolio away: it can be read, nothing can be posted. Archiving twice changes nothing."""
    with transaction.atomic():
        locked = lock_portfolio(portfolio_id)
        if not locked.is_archived:
            Portfolio.objects.filter(pk=portfolio_id).update(archived_at=now)
            publish(
                PortfolioChanged(portfolio_id=portfolio_id, user_id=locked.owner_id),
                stream=stream_of(portfolio_id),
            )


def restore_portfolio(*, portfolio_id: int, actor: Any, now: datetime) -> None:
    """Bring an archived portfolio back."""
    with transaction.atomic():
        locked = lock_portfolio(portfolio_id)
        if locked.is_archived:
            Portfolio.objects.filter(pk=portfolio_id).update(archived_at=None)
            publish(
                PortfolioChanged(portfolio_id=portfolio_id, user_id=locked.owner_id),
                stream=stream_of(portfolio_id),
            )


def add_account(
    *,
    portfolio_id: int,
    name: str,
    kind: str,
    currency: str,
    now: datetime,
    cash_account_id: int | None = None,
    external_id: str = "",
) -> Account:
    """Open another account. A securities account without `cash_account_id` settles in the first cash account."""
    if kind not in AccountKind.values:
        raise PortfolioRefused("An account holds securities or cash.", field="kind")
    _check_currency(currency, field="currency")
    with transaction.atomic():
        lock_for_writing(portfolio_id)
        if kind == AccountKind.CASH:
            cash_account_id = None
        elif cash_account_id is None:
            first = _cash_accounts(portfolio_id).order_by("pk").first()
            cash_account_id = first.pk if first else None
        elif not _cash_accounts(portfolio_id).filter(pk=cash_account_id).exists():
            raise PortfolioRefused("The cash account is not one of this portfolio.", field="cash_account")
        try:
            with transaction.atomic():
                return Account.objects.create(
                    portfolio_id=portfolio_id,
                    name=_clean_name(name),
                    kind=kind,
                    currency=currency,
                    cash_account_id=cash_account_id,
                    external_id=external_id[:100],
                    created_at=now,
                )
        except IntegrityError as error:
            raise PortfolioRefused(
                "This portfolio already has an account of that name.", code="account_name_taken", field="name"
            ) from error


def account_from_outside(
    *, portfolio_id: int, external_id: str, name: str, currency: str, now: datetime
) -> Account:
    """The securities account that is known outside as `external_id`, opened with a cash account of its own unless it is there.

    The name gets a number where the portfolio has one like it.
    """
    with transaction.atomic():
        lock_for_writing(portfolio_id)
        found = Account.objects.filter(portfolio_id=portfolio_id, external_id=external_id).first()
        if found is not None:
            return found
        taken = set(Account.objects.filter(portfolio_id=portfolio_id).values_list("name", flat=True))
        names = chain([name[:100]], (f"{name[:100]} {number}" for number in count(2)))
        free = next(each for each in names if not {each, f"{each} cash"} & taken)
        cash = add_account(
            portfolio_id=portfolio_id,
            name=f"{free} cash",
            kind=AccountKind.CASH,
            currency=currency,
            external_id=f"{external_id}:cash",
            now=now,
        )
        return add_account(
            portfolio_id=portfolio_id,
            name=free,
            kind=AccountKind.SECURITIES,
            currency=currency,
            cash_account_id=cash.pk,
            external_id=external_id,
            now=now,
        )


def _cash_accounts(portfolio_id: int) -> Any:
    return Account.objects.filter(portfolio_id=portfolio_id, kind=AccountKind.CASH)


def _has_entries(portfolio_id: int) -> bool:
    return Transaction.objects.filter(portfolio_id=portfolio_id).exists()


def _clean_name(name: str) -> str:
    clean = " ".join(name.split())
    if not clean:
        raise PortfolioRefused("Give it a name.", field="name")
    if len(clean) > 120:
        raise PortfolioRefused("A name has at most 120 characters.", field="name")
    if "\x00" in clean:
        raise PortfolioRefused("The name holds a character that cannot be stored.", field="name")
    return clean


def _check_rate(rate: Decimal) -> None:
    if not rate.is_finite() or abs(rate) >= 1:
        raise PortfolioRefused(
            "A risk-free rate lies between −100 % and 100 % a year.", field="risk_free_rate"
        )
    if decimals(rate.normalize()) > RATE_DECIMALS:
        raise PortfolioRefused("A risk-free rate has at most four decimals.", field="risk_free_rate")


def _check_settings(**settings: str) -> None:
    if "base_currency" in settings:
        _check_currency(settings["base_currency"], field="base_currency")
    if settings.get("kind", PortfolioKind.TRACKED) not in PortfolioKind.values:
        raise PortfolioRefused("A portfolio is tracked or for paper trading.", field="kind")
    if settings.get("cost_basis_method", CostBasisMethod.FIFO) not in CostBasisMethod.values:
        raise PortfolioRefused("That cost-basis method is not known here.", field="cost_basis_method")
    country = settings.get("tax_country", "")
    if country and not (len(country) == 2 and country.isascii() and country.isupper()):
        raise PortfolioRefused("A country is two capital letters, such as US.", field="tax_country")
    if "time_zone" in settings and settings["time_zone"] not in zoneinfo.available_timezones():
        raise PortfolioRefused("That time zone is not known.", field="time_zone")


def _check_currency(code: str, *, field: str) -> None:
    if not is_currency(code):
        raise PortfolioRefused(f"“{code[:12]}” is not a currency that the books know.", field=field)
