"""Every address of the site, taken from the URL table: strangers are sent to sign in, outsiders find nothing.

A new address with a parameter that this test does not know fails it: say below what belongs to the owner.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.operations import create_token
from accounts.tests.support import make_user
from documents.operations import store_document
from holdings.models import ActionProposal, DraftTransaction
from holdings.operations import Entry, create_portfolio, make_backup, post_transaction, upload_import
from holdings.tests.support import make_instrument, make_prices, make_rates
from marketdata.models import Instrument, Restatement, Watchlist, WatchlistItem
from marketdata.operations import create_watchlist
from notifications.models import Notification
from portfolio_site.kernel import clock
from reports.operations import request_report
from trading.operations import AskedLine, create_api_key, open_paper_account, place_basket, place_order
from trading.tests.support import set_quote
from trading.tests.test_brokers_web import connection_of

#: Addresses that a visitor who is not signed in may open.
PUBLIC = {
    "healthz",
    "readyz",
    "web:home",
    "web:help",
    "api-schema",
    "api-docs",
    "api-redoc",
    "api-events",
    "api-asyncapi",
    "api:auth-token",
    "api-root:auth-register",
    "api-root:auth-login",
    "api-root:auth-refresh",
    "api-root:auth-logout",
}
#: What visitors may set for themselves, kept in a cookie.
PUBLIC |= {"accounts:set_theme", "accounts:set_privacy", "accounts:display"}
#: A link that carries its own proof (or, as here, does not) answers everybody alike.
PROOF_IN_LINK = {"documents:file"}
#: allauth tests its own addresses; what hangs on a session there has no id of ours in it.
FOREIGN = ("account_", "mfa_", "usersessions_", "admin:")
#: Answers that tell an outsider nothing: no such thing, or not with this method.
NOTHING = {404, 405}


@dataclass(frozen=True, slots=True)
class Address:
    """One entry of the URL table."""

    name: str
    parameters: tuple[str, ...]


def addresses(resolver: URLResolver | None = None, namespace: str = "") -> Iterator[Address]:
    """Walk the URL table."""
    resolver = resolver or get_resolver()
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from addresses(entry, inner)
        elif isinstance(entry, URLPattern) and entry.name:
            name = f"{namespace}{entry.name}"
            if not name.startswith(FOREIGN):
                yield Address(name, tuple(entry.pattern.regex.groupindex))


ALL = sorted({address.name: address for address in addresses()}.values(), key=lambda address: address.name)
WITH_IDS = [address for address in ALL if address.parameters]


@pytest.fixture
def belongings(db: None) -> dict[str, Any]:
    """One of everything a person can own, by the name of the parameter that addresses it."""
    owner, now = make_user("owner@example.com"), clock.now()
    private = make_instrument("HOUSE", owner=owner, provider="manual")
    shared = make_instrument("ACME", provider="manual")
    make_prices(shared, {(now.date() - timedelta(days=9)).isoformat(): "100"})
    make_rates(EURUSD="1.25")
    portfolio = create_portfolio(owner=owner, name="Mine", base_currency="USD", now=now)

    def post(day: date, **fields: Any) -> Any:
        return post_transaction(
            portfolio_id=portfolio.pk, entry=Entry(occurred=day, **fields), actor=owner, now=now
        )

    entry = post(
        now.date() - timedelta(days=5),
        type="buy",
        instrument_id=shared.pk,
        quantity=Decimal(3),
        price=Decimal(100),
    )
    post(now.date() + timedelta(days=30), type="deposit", amount=Decimal(10), currency="USD")
    draft = DraftTransaction.objects.get()
    batch = upload_import(
        portfolio_id=portfolio.pk,
        filename="p.json",
        content=PORTFOLIO_FILE,
        actor=owner,
        now=now,
    )
    paper_id = open_paper_account(owner=owner, name="Paper", cash=Decimal(1000), currency="USD", now=now)
    set_quote(shared, "99", "101")
    order = place_order(
        portfolio_id=paper_id,
        actor=owner,
        client_order_id="one",
        instrument_id=shared.pk,
        side="buy",
        type="limit",
        time_in_force="gtc",
        quantity=Decimal(1),
        limit_price=Decimal(50),
        now=now,
    )
    basket_id = place_basket(
        portfolio_id=paper_id,
        actor=owner,
        basket_id=uuid.uuid4(),
        lines=[
            AskedLine(instrument_id=shared.pk, side="buy", quantity=Decimal(1), limit_price=Decimal("60.00"))
        ],
        now=now,
    )
    document = store_document(
        owner_id=owner.pk, kind="report", filename="a.txt", content=io.BytesIO(b"private words"), now=now
    )
    job = request_report(
        actor=owner, portfolio_id=portfolio.pk, kind="portfolio_summary", format="xlsx", now=now
    )
    notification = Notification.objects.create(
        user=owner, kind="order.filled", title="Private", body="", url="", created_at=now, event_id=1
    )
    proposal = ActionProposal.objects.create(
        portfolio=portfolio,
        instrument=shared,
        kind="dividend",
        ex_date=now.date(),
        value=Decimal(1),
        quantity=Decimal(3),
        amount=Decimal(3),
        currency="USD",
        found_at=now,
    )
    restatement = Restatement.objects.create(
        instrument=private,
        source="yahoo",
        first_date=now.date(),
        last_date=now.date(),
        days=1,
        found_at=now,
        seen_at=now,
    )
    watchlist = create_watchlist(owner=owner, name="Mine", now=now, instrument_ids=[private.pk, shared.pk])
    token = create_token(user=owner, name="bot", now=now)
    key = create_api_key(portfolio_id=paper_id, actor=owner, name="bot", now=now)
    return {
        "connection_id": connection_of(owner).pk,
        "portfolio_id": portfolio.pk,
        "figure": "net_worth",
        "asset_id": shared.pk,
        "day": now.date().isoformat(),
        "backup_id": make_backup(owner=owner, now=now).id,
        "instrument_id": private.pk,
        "restatement_id": restatement.pk,
        "proposal_id": proposal.pk,
        "transaction_id": entry.pk,
        "draft_id": draft.pk,
        "batch_id": batch.pk,
        "order_id": order.id,
        "document_id": document.id,
        "job_id": job.pk,
        "notification_id": notification.pk,
        "token_id": token.token.pk,
        "token": "not-a-token",
        "watchlist_id": watchlist.id,
        "api:watchlists-": watchlist.id,
        "api:token-": token.token.pk,
        "api:instruments-": private.pk,
        "api:documents-": document.id,
        "api:portfolio-": portfolio.pk,
        "api:order-": order.id,
        "api:reports-": job.pk,
        "api:notifications-": notification.pk,
        "trading:": paper_id,
        "key_pk": key.key.pk,
        "basket_id": basket_id,
    }


PORTFOLIO_FILE = (
    b'{"format": "portfolio/1", "name": "x", "base_currency": "USD", "as_of": "2024-02-01", "instruments": [],'
    b' "transactions": [{"id": "1", "date": "2024-01-02", "type": "deposit", "amount": "5", "currency": "USD"}]}'
)


def url_of(address: Address, belongings: dict[str, Any]) -> str:
    """Fill in the address with what is the owner's; a parameter nobody knows fails the test."""
    values: dict[str, Any] = {}
    for parameter in address.parameters:
        if parameter == "pk":
            owned = [key for key in belongings if key.endswith("-") and address.name.startswith(key)]
            assert owned, f"{address.name} is new: say in belongings() what its pk is"
            values["pk"] = belongings[owned[0]]
        elif parameter == "portfolio_id" and address.name.startswith("trading:"):
            values[parameter] = belongings["trading:"]
        else:
            assert parameter in belongings, f"{address.name} is new: say in belongings() what {parameter} is"
            values[parameter] = belongings[parameter]
    return reverse(address.name, kwargs=values)


def client_of(email: str) -> Client:
    """A browser in which the person is signed in."""
    client = Client()
    client.force_login(get_user_model().objects.get(email=email))
    return client


class TestEveryAddress:
    @pytest.mark.parametrize("address", ALL, ids=lambda address: address.name)
    def test_sends_strangers_to_sign_in(self, address: Address, belongings: dict[str, Any]) -> None:
        url = url_of(address, belongings)
        response = Client().get(url)
        if address.name in PROOF_IN_LINK:
            assert response.status_code == 404
        elif address.name in PUBLIC:
            assert response.status_code in {200, 405}
        elif address.name.startswith("api"):
            assert response.status_code in {401, 405}
        else:
            assert response.status_code in {302, 405}, url
            if response.status_code == 302:
                assert response.headers["Location"].startswith(reverse("account_login"))

    @pytest.mark.parametrize("address", WITH_IDS, ids=lambda address: address.name)
    def test_shows_outsiders_nothing(self, address: Address, belongings: dict[str, Any]) -> None:
        make_user("outsider@example.com")
        outsider, url = client_of("outsider@example.com"), url_of(address, belongings)
        for method in ("get", "post", "put", "patch", "delete"):
            response = getattr(outsider, method)(url)
            assert response.status_code in NOTHING, (method, url, response.content[:300])

    def test_outsider_changes_nothing_with_what_the_owner_would_send(
        self, belongings: dict[str, Any]
    ) -> None:
        """What a form of the owner's would post, sent by somebody else, leaves every table as it was."""
        make_user("outsider@example.com")
        outsider, counted = client_of("outsider@example.com"), _count_all()
        for address in WITH_IDS:
            for body in ({}, {"confirm": "yes", "name": "taken over", "price": "1", "quantity": "1"}):
                outsider.post(url_of(address, belongings), body)
                outsider.delete(url_of(address, belongings))
        assert _count_all() == counted


def _count_all() -> dict[str, Any]:
    from documents.models import Document
    from holdings.models import ImportBatch, Portfolio, Transaction, TransactionVoid
    from reports.models import ReportJob
    from trading.models import Order

    return {
        "portfolios": list(Portfolio.objects.order_by("pk").values_list("name", "archived_at", "revision")),
        "transactions": Transaction.objects.count(),
        "voids": TransactionVoid.objects.count(),
        "drafts": DraftTransaction.objects.count(),
        "proposals": list(ActionProposal.objects.order_by("pk").values_list("pk", "state")),
        "batches": list(ImportBatch.objects.values_list("pk", "content")),
        "orders": list(Order.objects.order_by("pk").values_list("pk", "status")),
        "documents": Document.objects.count(),
        "reports": ReportJob.objects.count(),
        "instruments": list(Instrument.objects.order_by("pk").values_list("name", "is_active")),
        "watchlists": list(Watchlist.objects.values_list("name", "updated_at")),
        "watched": WatchlistItem.objects.count(),
        "unread": Notification.objects.filter(read_at__isnull=True).count(),
    }
