"""The order stream over plain HTTP, for clients without sockets, against the running site."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import requests

from portfolio_site.kernel import clock
from trading.wire.tests.support import make_bot
from trading.wire.tests.test_streams import acme, place

__all__ = ["acme"]


class TestEventsOverHttp:
    def events(self, sdk, count: int, **query: Any) -> list[dict[str, Any]]:
        found = []
        with requests.get(
            f"{sdk.base}/v2/events/trades", params=query, headers=sdk.bot.headers, stream=True, timeout=20
        ) as answer:
            assert answer.status_code == 200
            assert answer.headers["Content-Type"] == "text/event-stream"
            for line in answer.iter_lines():
                if line.startswith(b"data: "):
                    found.append(json.loads(line[6:]))
                if len(found) == count:
                    break
        return found

    def test_replays_from_a_number_or_an_instant(self, sdk, acme):
        place(sdk.bot, acme)
        between = clock.now()
        time.sleep(0.01)
        place(sdk.bot, acme)
        assert [event["event_id"] for event in self.events(sdk, 3, since_id=1)] == [2, 3, 4]
        assert [event["event_id"] for event in self.events(sdk, 2, since=between.isoformat())] == [3, 4]
        assert [event["event_id"] for event in self.events(sdk, 9, since_id=0, until_id=2)] == [1, 2]

    def test_refuses_in_form(self, sdk):
        url = f"{sdk.base}/v2/events/trades"
        unknown = requests.get(url, timeout=20)
        assert (unknown.status_code, unknown.json()["code"]) == (401, 40110000)
        bad = requests.get(url, params={"since_id": "x"}, headers=sdk.bot.headers, timeout=20)
        assert (bad.status_code, bad.json()["code"]) == (422, 40010001)
        post = requests.post(url, headers=sdk.bot.headers, timeout=20)
        assert (post.status_code, post.json()["code"], post.headers["Allow"]) == (405, 40510000, "GET")
        for answer in (unknown, bad, post):
            assert str(uuid.UUID(answer.headers["X-Request-ID"])) == answer.headers["X-Request-ID"]
        assert int(bad.headers["X-RateLimit-Remaining"]) < int(bad.headers["X-RateLimit-Limit"])
        slow = make_bot(rate_limit=1)
        codes = []
        for base in (f"{sdk.base}", f"{sdk.base}/"):  # a base that ends in a slash makes two of them
            with requests.get(
                f"{base}/v2/events/trades", headers=slow.headers, stream=True, timeout=20
            ) as answer:
                codes.append(answer.status_code)
                if answer.status_code == 429:
                    assert answer.json()["code"] == 42910000
                    assert int(answer.headers["Retry-After"]) >= 1
        assert codes == [200, 429]
