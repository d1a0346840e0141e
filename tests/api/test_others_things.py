"""Somebody else's ids in one's own requests: in bodies, in the keys of objects, in filters.

What another person owns is not found by its id, wherever the id stands: no answer has a word of it, neither the one that
took the id nor any that is read afterwards.
"""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.tests.support import make_user
from documents.operations import open_document, store_document
from holdings.models import Account, Transaction
from holdings.operations import Entry, create_portfolio, make_backup, post_transaction
from holdings.tests.support import make_instrument, make_prices
from marketdata.models import Instrument
from marketdata.operations import create_watchlist
from portfolio_site.kernel import clock
from tests.api.asked import Asked
from tests.api.asking import Teller, Told, taken_back
from tests.api.book import described, operations_of
from trading.operations import open_paper_account, place_order
from trading.tests.support import set_quote
from trading.tests.test_brokers_web import connection_of

DESCRIPTION = described()
OPERATIONS = operations_of(DESCRIPTION)
SECRET = "Xsecret"
#: How the ids of a kind of thing are called in requests.
KINDS = {
    "instrument": ("instrument", "benchmark", "weights", "asset"),
    "portfolio": ("portfolio",),
    "account": ("account",),
    "transaction": ("lots", "transaction"),
}
#: Numbers that are no ids.
FRAME = {"page_size", "limit", "points", "year", "keep", "cursor"}
#: What takes an id of somebody else's and finds nothing, as it would find nothing of one's own.
FILTERS = {"instrument", "account", "portfolio"}


@pytest.fixture
def stranger(book: dict[str, Any]) -> dict[str, Any]:
    """Somebody with one of everything, all of it with a word that nobody else has."""
    person, now = make_user("stranger@example.com", name=f"{SECRET} person"), clock.now()
    house = make_instrument("XSECRET", owner=person, provider="manual", asset_class="private")
    Instrument.objects.filter(pk=house.pk).update(name=f"{SECRET} house")
    make_prices(house, {(now.date() - timedelta(days=n)).isoformat(): "777.77" for n in range(1, 20)})
    set_quote(house, "776", "778", at=now)
    portfolio = create_portfolio(owner=person, name=f"{SECRET} books", base_currency="USD", now=now)
    entry = post_transaction(
        portfolio_id=portfolio.pk,
        entry=Entry(
            type="delivery_in", occurred=now.date() - timedelta(days=9), instrument_id=house.pk,
            quantity=Decimal(3), price=Decimal(700), note=f"{SECRET} note", tags=(SECRET,),
        ),
        actor=person,
        now=now,
    )  # fmt: skip
    paper = open_paper_account(
        owner=person, name=f"{SECRET} paper", cash=Decimal(1000), currency="USD", now=now
    )
    document = store_document(
        owner_id=person.pk, kind="report", filename=f"{SECRET}.txt", content=io.BytesIO(b"x"), now=now
    )
    order = place_order(
        portfolio_id=paper, actor=person, client_order_id=f"{SECRET}-1", instrument_id=book["asset_id"], side="buy",
        type="limit", time_in_force="gtc", quantity=Decimal(1), limit_price=Decimal(50), now=now,
    )  # fmt: skip
    return {
        "instrument": [house.pk],
        "portfolio": [portfolio.pk, paper],
        "account": list(
            Account.objects.filter(portfolio_id__in=[portfolio.pk, paper]).values_list("pk", flat=True)
        ),
        "transaction": [entry.pk],
        "watchlist": [
            create_watchlist(owner=person, name=f"{SECRET} list", instrument_ids=[house.pk], now=now).id
        ],
        "uuids": [str(document.id), str(order.id), str(connection_of(person, name=f"{SECRET} broker").pk)],
        "person": person,
    }


def kind_of(name: str) -> str:
    """What an id under this name is of."""
    return next((kind for kind, words in KINDS.items() if any(word in name for word in words)), "")


def changed(value: Any, stranger: dict[str, Any], name: str = "") -> Iterator[tuple[Any, str]]:
    """The body with one id replaced by a stranger's, each in turn, and the kind of what was replaced."""
    if isinstance(value, dict):
        yield from _changed_object(value, stranger, name)
    elif isinstance(value, list):
        for place, part in enumerate(value):
            for other, kind in changed(part, stranger, name):
                yield [*value[:place], other, *value[place + 1 :]], kind
    elif type(value) is int and kind_of(name):
        for pk in stranger[kind_of(name)]:
            yield pk, kind_of(name)
    elif isinstance(value, str) and _is_uuid(value):
        for other in stranger["uuids"]:
            yield other, ""


def _changed_object(value: dict[str, Any], stranger: dict[str, Any], name: str) -> Iterator[tuple[Any, str]]:
    for key, part in value.items():
        for other, kind in changed(part, stranger, key):
            yield {**value, key: other}, kind
        if key.isdigit():
            for pk in stranger[kind_of(name) or "instrument"]:
                yield {**{k: v for k, v in value.items() if k != key}, str(pk): part}, kind_of(name)


def _is_uuid(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False


def read_everything(teller: Teller) -> Iterator[Told]:
    """Every GET of the description."""
    for name, (_, method, _operation) in OPERATIONS.items():
        if method == "get":
            yield teller.ask(name, prepare=False)


def tells(told: Told) -> bool:
    """Whether an answer has a word of the stranger's."""
    return SECRET.lower() in json.dumps(told.answer).lower() or "777.77" in json.dumps(told.answer)


class TestInBodies:
    def test_are_not_found_and_show_nothing(self, book: dict[str, Any], stranger: dict[str, Any]) -> None:
        teller, tried = Teller(book, DESCRIPTION), 0
        for name, (_, method, _operation) in OPERATIONS.items():
            asked = teller.requests.get(name, Asked())
            if method == "get" or not isinstance(asked.body, dict):
                continue
            for body, kind in changed(asked.body, stranger):
                tried += 1
                with taken_back():
                    told = teller.ask(name, body=body)
                    assert 400 <= told.status < 500, (name, body, kind, told.status, told.answer)
                    assert not tells(told), (name, told.answer)
        assert tried > 10

    def test_a_target_for_somebody_elses_thing_is_refused(
        self, book: dict[str, Any], stranger: dict[str, Any]
    ) -> None:
        teller = Teller(book, DESCRIPTION)
        for key in (str(stranger["instrument"][0]), "999999999", "²", "9" * 60, "x", "a\x00b", ""):
            told = teller.ask(
                "portfolios_rebalance_update",
                body={"by": "instrument", "weights": {key: "0.5", "cash": "0.5"}},
            )
            assert (told.status, told.answer["code"]) == (422, "targets_refused"), key
        told = teller.ask(
            "portfolios_rebalance_update",
            body={"by": "asset_class", "weights": {"shares": "0.5", "cash": "0.5"}},
        )
        assert told.status == 422

    def test_a_target_kept_from_before_shows_nothing(
        self, book: dict[str, Any], stranger: dict[str, Any]
    ) -> None:
        """What an earlier release let in: no list, no plan and no backup has a word of what it names."""
        from holdings.models import TargetWeight
        from holdings.queries.uses import uses_of_instrument

        (house,) = stranger["instrument"]
        for portfolio_id in (book["portfolio_id"], book["trading:"]):
            for number, key in enumerate((str(house), "²", "9" * 60)):
                TargetWeight.objects.create(
                    portfolio_id=portfolio_id,
                    dimension="instrument",
                    key=key,
                    weight=Decimal("0.1") + number / Decimal(100),
                )
        teller = Teller(book, DESCRIPTION)
        for name in (
            "portfolios_allocation_retrieve",
            "portfolios_rebalance_retrieve",
            "charts_portfolios_allocation_retrieve",
        ):
            path = OPERATIONS[name][0]
            for portfolio_id in (book["portfolio_id"], book["trading:"]):
                answer = teller.browser.get(
                    path.replace("{portfolio_id}", str(portfolio_id)) + "?by=instrument"
                )
                assert answer.status_code == 200, (name, answer.content)
                assert SECRET.lower() not in answer.content.decode().lower()
        for page in ("allocation/?by=instrument", "allocation/targets/?by=instrument"):
            answer = teller.browser.get(f"/portfolios/{book['portfolio_id']}/{page}")
            assert answer.status_code == 200, page
            assert SECRET.lower() not in answer.content.decode().lower()
            assert "777.77" not in answer.content.decode()
        assert not any("targets" in use for use in uses_of_instrument(house))
        made = make_backup(owner=book["owner"], now=clock.now())
        _, content = open_document(document_id=made.id, actor=book["owner"], now=clock.now())
        with content, zipfile.ZipFile(content) as archive:
            assert not any(
                SECRET.lower().encode() in archive.read(name).lower() for name in archive.namelist()
            )


class TestInFilters:
    def test_find_nothing(self, book: dict[str, Any], stranger: dict[str, Any]) -> None:
        teller, tried = Teller(book, DESCRIPTION), 0
        for name, (path, method, operation) in OPERATIONS.items():
            for part in operation.get("parameters", []):
                kind = kind_of(part["name"])
                if method != "get" or part["in"] != "query" or part["name"] in FRAME or not kind:
                    continue
                url = path
                for other in operation["parameters"]:
                    if other["in"] == "path":
                        url = url.replace(f"{{{other['name']}}}", _mine(path, other["name"], book))
                for pk in stranger[kind]:
                    tried += 1
                    answer = teller.browser.get(f"{url}?{part['name']}={pk}")
                    assert answer.status_code < 500, (name, part["name"])
                    assert SECRET.lower() not in answer.content.decode().lower(), (name, part["name"])
                    assert "777.77" not in answer.content.decode(), (name, part["name"])
        assert tried > 5

    def test_nor_do_names(self, book: dict[str, Any], stranger: dict[str, Any]) -> None:
        teller = Teller(book, DESCRIPTION)
        for url in (
            "/api/v1/quotes/?symbols=XSECRET,ACME",
            "/api/v1/instruments/?symbol=XSECRET",
            "/api/v1/instruments/?search=xsecret",
            "/api/v1/instruments/search/?q=xsecret",
            "/api/v1/orders/?symbol=XSECRET",
            "/api/v1/fills/?symbol=XSECRET",
        ):
            answer = teller.browser.get(url)
            body = answer.content.decode().lower().replace(url.lower(), "")
            assert f"{SECRET.lower()} house" not in body, url
            assert "777" not in body, url
        told = teller.ask("prices", body={"symbols": ["XSECRET"]})
        assert told.answer["prices"][0]["error"]["code"] == "unknown_symbol"


def _mine(path: str, name: str, book: dict[str, Any]) -> str:
    from tests.api.book import filled_in

    return str(filled_in(path, name, book))


def test_two_people_may_call_their_own_things_alike(book: dict[str, Any], stranger: dict[str, Any]) -> None:
    """Each finds the one that is theirs, and books at its price."""
    teller = Teller(book, DESCRIPTION)
    told = teller.ask(
        "instruments_create",
        body={"symbol": "XSECRET", "name": "Mine", "asset_class": "private", "currency": "USD"},
    )
    assert told.status == 201
    assert told.answer["id"] not in stranger["instrument"]
    quotes = teller.browser.get("/api/v1/quotes/?symbols=XSECRET").content.decode()
    assert "777" not in quotes
    assert Transaction.objects.filter(instrument_id__in=stranger["instrument"]).count() == 1
