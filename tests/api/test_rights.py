"""What a key may do: every right, tried on every operation of the description and every address of the URL table.

A new operation that changes something belongs to the right `admin` unless it is named below: forgetting it fails here.
"""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.models import ApiToken
from accounts.operations import create_token, set_roles
from accounts.roles import Role
from accounts.tests.support import make_administrator
from portfolio_site.kernel import clock
from tests.api.asked import Asked
from tests.api.asking import Teller, taken_back
from tests.api.book import described, operations_of
from tests.api.test_hostile_input import _url
from tests.api.test_once import rows
from tests.test_every_url import ALL, PUBLIC, url_of

DESCRIPTION = described()
CHANGES = {name: found for name, found in operations_of(DESCRIPTION).items() if found[1] != "get"}
#: Sent as a POST because the question is long, or the answer fresh each time; nothing is changed.
ONLY_READ = {"documents_link_create", "prices"}
#: Placing, changing and cancelling orders.
TRADING = {
    "baskets_destroy",
    "orders_create",
    "orders_destroy",
    "orders_partial_update",
    "portfolios_rebalance_create",
    "portfolios_rebalance_update",
    "portfolios_trading_account_kill_switch_create",
    "portfolios_trading_account_positions_close_create",
    "portfolios_trading_account_positions_create",
}
#: Signing in and out, which no right is needed for.
SIGNING = {
    "auth_login",
    "auth_logout",
    "auth_refresh",
    "auth_register",
    "auth_token_create",
    "auth_token_destroy",
}
#: Keys are made and revoked in the site's own session alone.
BY_SESSION = {"tokens_create", "tokens_destroy"}
#: What an auditor may change: how they sign in and what they see.
ONES_OWN = {"me_update"}
METHODS = ("POST", "PUT", "PATCH", "DELETE")


def key_of(book: dict[str, Any], access: ApiToken.Access) -> dict[str, str]:
    """The header of a new key."""
    key = create_token(user=book["owner"], name=access.value, access=access, now=clock.now()).key
    return {"Authorization": f"Token {key}"}


def refused(book: dict[str, Any], access: ApiToken.Access) -> dict[str, str]:
    """What a key of this access is not let in for, operation by operation; asked without a body."""
    teller, headers = Teller(book, DESCRIPTION), key_of(book, access)
    found = {}
    for name in BY_SESSION:
        path, method, operation = CHANGES[name]
        answer = Client().generic(method.upper(), _url(path, book, operation), headers=headers)
        assert answer.status_code == 401, name
        found[name] = answer.json()["code"]
    for name in set(CHANGES) - SIGNING - BY_SESSION:
        with taken_back():
            told = teller.ask(name, body=_nothing(name), headers=headers, prepare=False)
        if told.status in {401, 403}:
            found[name] = told.answer["code"]
    return found


class TestAKey:
    def test_that_reads_changes_nothing_whatever_it_sends(self, book: dict[str, Any]) -> None:
        teller, headers = Teller(book, DESCRIPTION), key_of(book, ApiToken.Access.READ)
        counted = rows(without={"kernel"})
        for name in sorted(set(CHANGES) - SIGNING - BY_SESSION - ONLY_READ):
            told = teller.ask(name, headers=headers, body=_simple(teller, name), prepare=False)
            assert (told.status, told.answer["code"]) == (403, "token_read_only"), name
        assert rows(without={"kernel"}) == counted

    def test_that_reads_is_refused_at_every_address(self, book: dict[str, Any]) -> None:
        headers, client = key_of(book, ApiToken.Access.READ), Client()
        for address in ALL:
            if not address.name.startswith(("api:", "api-root:")) or address.name in PUBLIC:
                continue
            for method in METHODS:
                if method == "POST" and address.name in {"api-root:prices", "api:documents-link"}:
                    continue
                answer = client.generic(
                    method, url_of(address, book), b"{}", content_type="application/json", headers=headers
                )
                assert answer.status_code in {401, 403, 405}, (method, address.name, answer.status_code)

    def test_that_trades_trades_and_no_more(self, book: dict[str, Any]) -> None:
        found = refused(book, ApiToken.Access.TRADE)
        assert set(CHANGES) - SIGNING - set(found) == TRADING | ONLY_READ
        assert {found[name] for name in set(found) - BY_SESSION} == {"token_scope"}

    def test_that_administers_does_not_trade(self, book: dict[str, Any]) -> None:
        found = refused(book, ApiToken.Access.ADMIN)
        assert set(found) == TRADING | BY_SESSION
        assert {found[name] for name in TRADING} == {"token_scope"}

    def test_of_every_right_makes_no_keys(self, book: dict[str, Any]) -> None:
        assert set(refused(book, ApiToken.Access.FULL)) == BY_SESSION


class TestAnAuditor:
    def test_changes_nothing_of_their_own_either(self, book: dict[str, Any]) -> None:
        """Who had accounts before the role: every good request of theirs is refused, by key and by session."""
        teller = Teller(book, DESCRIPTION)
        bodies = {name: _simple(teller, name) for name in CHANGES}
        set_roles(user_id=book["owner"].pk, roles={Role.AUDITOR}, actor=make_administrator(), now=clock.now())
        counted = rows(without={"kernel"})
        for name in sorted(set(CHANGES) - SIGNING - BY_SESSION - ONES_OWN - ONLY_READ):
            told = teller.ask(name, body=bodies[name], prepare=False)
            assert told.status == 403, (name, told.status, told.answer)
        assert rows(without={"kernel"}) == counted

    def test_reads_what_is_asked_for_by_post(self, book: dict[str, Any]) -> None:
        teller = Teller(book, DESCRIPTION)
        set_roles(user_id=book["owner"].pk, roles={Role.AUDITOR}, actor=make_administrator(), now=clock.now())
        assert teller.ask("prices").status == 200
        assert teller.ask("documents_link_create").status == 200


def _nothing(name: str) -> Any:
    """An empty body, where there may be one."""
    return {} if "requestBody" in CHANGES[name][2] else None


def _simple(teller: Teller, name: str) -> Any:
    """The body of the good request, where it needs no question before it."""
    body = teller.requests.get(name, Asked()).body
    return _nothing(name) if body is None or callable(body) else body
