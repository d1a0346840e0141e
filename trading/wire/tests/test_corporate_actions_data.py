"""Dividends and splits as the data clients ask for them: by symbol, type and day, page by page."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal

import pytest
from alpaca.data.enums import CorporateActionsType
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.requests import CorporateActionsRequest

from marketdata.models import CorporateAction
from trading.tests.support import make_instrument

PATH = "/v1/corporate-actions"
YEAR = {"start": "2026-01-01", "end": "2026-12-31"}


def declare(share, kind, day, value):
    return CorporateAction.objects.create(
        instrument=share, ex_date=date(2026, *day), kind=kind, value=Decimal(value), source="test"
    )


@pytest.fixture
def declared(share):
    other = make_instrument("OTHER", cusip="037833100")
    declare(share, "dividend", (1, 5), "0.24")
    declare(share, "split", (1, 7), "4")
    declare(other, "dividend", (1, 5), "1.5")
    declare(other, "split", (3, 9), "0.333333333333")
    return share, other


@pytest.mark.django_db
class TestCorporateActions:
    def test_come_by_type_and_day(self, bot, declared):
        found = bot.get(PATH, **YEAR)
        assert found["next_page_token"] is None
        actions = found["corporate_actions"]
        assert [(row["symbol"], row["rate"], row["ex_date"]) for row in actions["cash_dividends"]] == [
            ("ACME", 0.24, "2026-01-05"), ("OTHER", 1.5, "2026-01-05"),
        ]  # fmt: skip
        (split,), (reverse,) = actions["forward_splits"], actions["reverse_splits"]
        assert (split["new_rate"], split["old_rate"], split["process_date"]) == (4, 1, "2026-01-07")
        assert (reverse["new_rate"], reverse["old_rate"], reverse["new_cusip"]) == (1, 3, "037833100")
        only = bot.get(PATH, symbols="OTHER,NOSUCH", types="cash_dividend,spin_off", **YEAR)[
            "corporate_actions"
        ]
        assert [row["symbol"] for row in only["cash_dividends"]] == ["OTHER"]
        assert set(only) == {"cash_dividends"}
        assert set(bot.get(PATH, cusips="037833100", **YEAR)["corporate_actions"]) == {
            "cash_dividends",
            "reverse_splits",
        }
        assert bot.get(PATH, symbols="NOSUCH", **YEAR)["corporate_actions"] == {}
        assert bot.get(PATH, types="name_change", **YEAR)["corporate_actions"] == {}
        assert bot.get(PATH)["corporate_actions"] == {}
        assert bot.get(PATH, ids=split["id"])["corporate_actions"] == {"forward_splits": [split]}
        assert bot.get(PATH, ids=str(uuid.uuid4()))["corporate_actions"] == {}

    @pytest.mark.parametrize("sort", ["asc", "desc"])
    def test_pages_have_neither_gap_nor_repeat(self, bot, declared, sort):
        ids, token = [], {}
        while True:
            page = bot.get(PATH, limit="1", sort=sort, **YEAR, **token)
            (rows,) = page["corporate_actions"].values()
            ids += [row["id"] for row in rows]
            if page["next_page_token"] is None:
                break
            token = {"page_token": page["next_page_token"]}
        whole = [
            row for rows in bot.get(PATH, sort=sort, **YEAR)["corporate_actions"].values() for row in rows
        ]
        assert len(ids) == len(set(ids)) == 4
        assert set(ids) == {row["id"] for row in whole}
        days = {row["id"]: row["ex_date"] for row in whole}
        assert [days[pk] for pk in ids] == sorted(days.values(), reverse=sort == "desc")

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ({"types": "gift"}, 422), ({"limit": "1001"}, 422), ({"sort": "up"}, 422), ({"start": "never"}, 422),
            ({"start": "2026-02-01", "end": "2026-01-01"}, 422), ({"page_token": "x"}, 400), ({"page_token": "MjAyNnwx"}, 400),
            ({"ids": str(uuid.uuid4()), "symbols": "ACME"}, 422),
        ],
    )  # fmt: skip
    def test_refuses(self, bot, query, status):
        answer = bot.send("GET", PATH, **query)
        assert (answer.status_code, answer.json()["code"] // 100_000) == (status, 400)


class TestTheClient:
    def test_reads_them(self, sdk):
        share = make_instrument("ACME")
        declare(share, "dividend", (1, 5), "0.24")
        declare(share, "split", (1, 7), "4")
        declare(share, "split", (3, 9), "0.5")
        client = CorporateActionsClient(sdk.bot.key_id, sdk.bot.secret, url_override=sdk.base)
        asked = {"symbols": ["ACME"], "start": date(2026, 1, 1), "end": date(2026, 12, 31)}
        found = client.get_corporate_actions(CorporateActionsRequest(**asked)).data
        assert {kind: len(rows) for kind, rows in found.items()} == {
            "cash_dividends": 1, "forward_splits": 1, "reverse_splits": 1,
        }  # fmt: skip
        assert found["cash_dividends"][0].rate == 0.24
        types = [CorporateActionsType.FORWARD_SPLIT, CorporateActionsType.REVERSE_SPLIT]
        splits = client.get_corporate_actions(CorporateActionsRequest(**asked, types=types)).data
        assert [row.new_rate / row.old_rate for rows in splits.values() for row in rows] == [4, 0.5]
