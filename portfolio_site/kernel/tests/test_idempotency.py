"""A repeated request is answered, not done again."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from portfolio_site.kernel.idempotency import Answer, KeyInvalid, KeyReused, fingerprint_of, once


@pytest.fixture
def person() -> Any:
    """Somebody who sends requests."""
    return get_user_model().objects.create_user(email="repeat@example.com", password="x")


@pytest.mark.django_db(transaction=True)
class TestOnce:
    def ask(self, person: Any, key: str = "k", body: Any = 1, done: list[int] | None = None) -> Answer:
        def do() -> tuple[int, Any]:
            if done is not None:
                done.append(1)
            return 201, {"n": body}

        return once(key=key, user=person, route="r", fingerprint=fingerprint_of(body), do=do)

    def test_answers_a_repetition_with_the_first_answer(self, person: Any) -> None:
        done: list[int] = []
        first = self.ask(person, done=done)
        second = self.ask(person, done=done)
        assert (first.status, first.body, first.replayed) == (201, {"n": 1}, False)
        assert (second.status, second.body, second.replayed) == (201, {"n": 1}, True)
        assert done == [1]

    def test_refuses_the_same_key_for_something_else(self, person: Any) -> None:
        self.ask(person)
        with pytest.raises(KeyReused):
            self.ask(person, body=2)

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
    def test_refuses_keys_that_are_no_keys(self, person: Any, key: str) -> None:
        with pytest.raises(KeyInvalid):
            self.ask(person, key=key)

    def test_keeps_nothing_of_a_refused_request(self, person: Any) -> None:
        def refuse() -> tuple[int, Any]:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            once(key="k", user=person, route="r", fingerprint=fingerprint_of(1), do=refuse)
        assert self.ask(person).replayed is False

    def test_does_it_once_for_many_at_the_same_time(self, person: Any) -> None:
        done: list[int] = []
        answers: list[Answer] = []

        def go() -> None:
            try:
                answers.append(self.ask(person, done=done))
            finally:
                connection.close()

        threads = [threading.Thread(target=go) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(done) == 1
        assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7
