"""Scripts that run with every request of a program: what a restart of the server, a refusal or a flood does to them."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from portfolio_site.kernel import valkey
from portfolio_site.kernel.valkey import Script, client

COUNT = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")


@pytest.fixture
def key():
    name = f"hf:test:{uuid.uuid4()}"
    yield name
    client().delete(name)


class TestScript:
    def test_answers(self, key):
        assert [COUNT(key, 2), COUNT(key, 3)] == [2, 5]

    def test_is_sent_whole_to_a_server_that_does_not_know_it(self, key):
        client().script_flush()
        assert COUNT(key, 1) == 1

    def test_opens_a_new_connection_when_the_server_closed_the_old_ones(self, key):
        COUNT(key, 1)
        client().client_kill_filter(_type="normal", skipme=True)
        assert COUNT(key, 1) == 2

    def test_a_refusal_is_raised_and_the_next_answer_is_its_own(self, key):
        client().set(key, "no number")
        with pytest.raises(redis.ResponseError):
            COUNT(key, 1)
        assert Script("return KEYS[1]")(key) == key.encode()

    def test_threads_never_get_each_others_answers(self):
        echo = Script("return KEYS[1]")
        names = [f"name {number}" for number in range(400)]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(echo, names)) == [name.encode() for name in names]

    def test_a_server_that_is_not_there_is_said_once_and_at_once(self, settings):
        settings.REDIS_LOCATION = "redis://127.0.0.1:1/0"
        with pytest.raises(valkey.UNREACHABLE):
            COUNT("hf:test:nobody", 1)
