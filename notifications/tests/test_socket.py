"""The socket, through a real server: who gets in, what arrives, and what does not."""

import threading
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection, transaction

from accounts import operations as accounts
from accounts.models import User
from accounts.roles import Role
from notifications import operations
from notifications.models import EventCounter, UserEvent
from notifications.tests.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)


class TestGettingIn:
    def test_refuses_who_is_not_signed_in(self, open_socket):
        with open_socket() as socket:
            assert socket.close_code() == 4401

    def test_refuses_a_page_of_another_site(self, open_socket, person):
        with open_socket(person, origin="https://evil.example") as socket:
            assert socket.close_code() == 4403

    def test_lets_in_a_page_of_this_site(self, open_socket, person, live_site):
        with open_socket(person, origin=live_site.url) as socket:
            [ready] = socket.hello()
            assert ready == {"type": "ready", "last_event_id": 0, "replayed": 0, "heartbeat_seconds": 25}

    def test_refuses_a_session_that_has_ended(self, open_socket, person, browser_of):
        client = browser_of(person)
        cookie = client.cookies["sessionid"].value
        client.logout()
        client.cookies["sessionid"] = cookie
        with open_socket(person, client=client) as socket:
            assert socket.close_code() == 4401


class TestDelivery:
    def test_brings_an_event_the_moment_it_commits(self, open_socket, person, tell):
        with open_socket(person) as socket:
            socket.hello()
            tell(
                person, 7, title="Order filled: AAPL", body="Bought 3", url="/orders/x/", refresh=("blotter",)
            )
            frame = socket.receive()
        assert frame == {
            "type": "event",
            "id": 1,
            "kind": "order.filled",
            "level": "info",
            "title": "Order filled: AAPL",
            "body": "Bought 3",
            "url": "/orders/x/",
            "refresh": ["blotter", "bell"],
            "at": "2026-11-21T09:00:00Z",
            "unread": 1,
        }

    def test_brings_it_to_every_window_of_the_person_and_to_nobody_else(
        self, open_socket, person, outsider, tell
    ):
        with open_socket(person) as one, open_socket(person) as two, open_socket(outsider) as theirs:
            for socket in (one, two, theirs):
                socket.hello()
            tell(person, 1)
            assert one.receive()["id"] == two.receive()["id"] == 1
            assert theirs.silent()

    def test_says_nothing_of_what_was_undone(self, open_socket, person, tell):
        with open_socket(person) as socket:
            socket.hello()
            with transaction.atomic():
                tell(person, 1)
                transaction.set_rollback(True)
            assert socket.silent()
            tell(person, 2)
            assert socket.receive()["id"] == 1

    def test_renews_regions_without_a_number(self, open_socket, person):
        with open_socket(person) as socket:
            socket.hello()
            operations.refresh(user_id=person.pk, regions=["reports"])
            assert socket.receive() == {"type": "refresh", "refresh": ["reports"]}

    def test_tells_other_windows_that_the_inbox_was_read(self, open_socket, person, tell):
        tell(person, 1)
        with open_socket(person) as socket:
            socket.hello()
            operations.mark_all_read(actor=person, now=NOW)
            assert socket.receive() == {"type": "refresh", "refresh": ["bell"], "unread": 0}


class TestCatchingUp:
    def test_brings_what_was_missed_in_order_and_then_goes_on(self, open_socket, person, tell):
        for number in range(1, 6):
            tell(person, number)
        with open_socket(person) as socket:
            frames = socket.hello(2)
            assert [f["id"] for f in frames[:-1]] == [3, 4, 5]
            assert frames[-1]["replayed"] == 3
            assert frames[-1]["last_event_id"] == 5
            tell(person, 6)
            assert socket.receive()["id"] == 6

    def test_begins_now_when_asked_to(self, open_socket, person, tell):
        tell(person, 1)
        with open_socket(person) as socket:
            [ready] = socket.hello(None)
            assert (ready["last_event_id"], ready["replayed"]) == (1, 0)

    def test_asks_to_start_afresh_after_too_much(self, open_socket, person):
        events = [
            UserEvent(
                user=person, number=n, event_id=n, kind="order.filled", payload={"title": "x"}, created_at=NOW
            )
            for n in range(1, 212)
        ]
        UserEvent.objects.bulk_create(events)
        EventCounter.objects.create(user=person, last_number=211)
        with open_socket(person) as socket:
            assert socket.hello(5)[0] == {"type": "resync", "last_event_id": 211}
        with open_socket(person) as socket:
            assert len(socket.hello(11)) == 201

    def test_asks_to_start_afresh_when_the_events_are_no_longer_kept(self, open_socket, person, tell):
        for number in range(1, 4):
            tell(person, number)
        operations.prune(now=NOW + timedelta(days=40))
        with open_socket(person) as socket:
            assert socket.hello(0)[0] == {"type": "resync", "last_event_id": 3}

    def test_asks_to_start_afresh_when_the_number_was_never_reached(self, open_socket, person, tell):
        tell(person, 1)
        with open_socket(person) as socket:
            assert socket.hello(99)[0] == {"type": "resync", "last_event_id": 1}

    def test_loses_and_doubles_nothing_while_others_commit_and_the_line_drops(
        self, open_socket, person, tell
    ):
        writers, each = 4, 15

        def write(first: int) -> None:
            try:
                for number in range(each):
                    tell(person, first * 1000 + number)
            finally:
                connection.close()

        threads = [threading.Thread(target=write, args=(number + 1,)) for number in range(writers)]
        seen: list[int] = []
        for thread in threads:
            thread.start()
        while len(seen) < writers * each:
            with open_socket(person) as socket:
                seen += [f["id"] for f in socket.hello(seen[-1] if seen else 0) if f["type"] == "event"]
                # The line drops after a few more.
                for _ in range(7):
                    if len(seen) == writers * each:
                        break
                    seen.append(socket.receive()["id"])
        for thread in threads:
            thread.join()
        assert seen == list(range(1, writers * each + 1))

    def test_heals_by_itself_when_a_message_was_lost(self, open_socket, person, tell, monkeypatch):
        with open_socket(person) as socket:
            socket.hello()
            with monkeypatch.context() as patched:
                patched.setattr("notifications.channel.send", lambda _: None)
                tell(person, 1)
                tell(person, 2)
            tell(person, 3)
            assert [socket.receive()["id"] for _ in range(3)] == [1, 2, 3]


class TestNumbers:
    def test_rise_in_the_order_of_commits(self, person, tell):
        first_holds, second_done = threading.Event(), []

        def second() -> None:
            first_holds.wait()
            try:
                second_done.append(tell(person, 2))
            finally:
                connection.close()

        thread = threading.Thread(target=second)
        thread.start()
        with transaction.atomic():
            number = tell(person, 1)
            first_holds.set()
            thread.join(timeout=0.5)
            assert not second_done, "the second waits until the first has committed"
        thread.join()
        assert (number, second_done) == (1, [2])
        # What the second had read before it waited no longer held.
        told = (
            UserEvent.objects.filter(user=person).order_by("number").values_list("payload__unread", flat=True)
        )
        assert list(told) == [1, 2]

    def test_leave_no_gap_when_a_transaction_is_undone(self, person, tell):
        with transaction.atomic():
            tell(person, 1)
            transaction.set_rollback(True)
        assert tell(person, 2) == 1

    def test_are_not_taken_for_somebody_who_is_gone(self, person, tell):
        gone = User(pk=person.pk + 1_000_000)
        assert tell(gone, 1) is None
        assert tell(person, 1) == 1

    def test_count_no_further_than_pages_do(self, person, tell, monkeypatch):
        monkeypatch.setattr("notifications.operations.MANY_UNREAD", 2)
        for number in range(4):
            tell(person, number)
        told = (
            UserEvent.objects.filter(user=person).order_by("number").values_list("payload__unread", flat=True)
        )
        assert list(told) == [1, 2, 2, 2]

    def test_are_given_once_for_an_event(self, person, tell):
        assert tell(person, 1) == 1
        assert tell(person, 1) is None
        assert tell(person, 2) == 2


class TestEnding:
    def test_closes_when_the_session_runs_out(self, open_socket, person, browser_of):
        client = browser_of(person)
        with open_socket(person, client=client) as socket:
            socket.hello()
            Session.objects.all().delete()
            cache.clear()
            assert socket.close_code() == 4401

    def test_closes_at_log_out_but_not_the_other_browser(self, open_socket, person, browser_of, tell):
        client = browser_of(person)
        with open_socket(person, client=client) as leaving, open_socket(person) as staying:
            leaving.hello()
            staying.hello()
            client.logout()
            assert leaving.close_code(timeout=4) == 4401
            tell(person, 1)
            assert staying.receive()["type"] in ("event", "refresh")

    def test_closes_at_once_when_the_person_is_suspended(self, open_socket, person, outsider):
        accounts.set_roles(user_id=outsider.pk, roles=frozenset({Role.ADMINISTRATOR}), actor=_root(), now=NOW)
        administrator = type(outsider).objects.get(pk=outsider.pk)
        with open_socket(person) as socket:
            socket.hello()
            accounts.suspend_user(user_id=person.pk, actor=administrator, reason="test", now=NOW)
            assert socket.close_code(timeout=4) == 4401

    def test_closes_when_nobody_says_hello(self, open_socket, person):
        with open_socket(person) as socket:
            assert socket.close_code(timeout=20) == 4400


BAD_FRAMES = [
    ("{", "bad_json"),
    ("", "bad_json"),
    (b"\x00\xff", "bad_json"),
    ("[" * 9000, "bad_json"),
    ("[]", "bad_frame"),
    ('"hello"', "bad_frame"),
    ('{"action": 5}', "bad_frame"),
    ('{"action": "dance"}', "unknown_action"),
    ('{"action": "hello", "last_event_id": 1}', "bad_frame"),
    ('{"action": "watch"}', "bad_frame"),
    ('{"action": "watch", "instruments": ["1"]}', "bad_frame"),
    ('{"action": "watch", "instruments": [true]}', "bad_frame"),
    ('{"action": "watch", "instruments": [1e400]}', "bad_frame"),
    ('{"action": "watch", "instruments": [99999999999999999999]}', "bad_frame"),
    ('{"action": "watch", "instruments": ' + str(list(range(1, 502))) + "}", "too_many_instruments"),
]


class TestBadFrames:
    def test_are_answered_and_the_socket_goes_on(self, open_socket, person):
        with open_socket(person) as socket:
            socket.hello()
            for frame, code in BAD_FRAMES:
                socket.send(frame)
                answer = socket.receive()
                assert (answer["type"], answer["code"]) == ("error", code), frame
                socket.send({"action": "ping"})
                assert socket.receive()["type"] == "pong"

    def test_hello_wants_a_number(self, open_socket, person):
        for number in ("-1", "1.5", '"3"', "true", "99999999999999999999", "[]"):
            with open_socket(person) as socket:
                socket.send('{"action": "hello", "last_event_id": ' + number + "}")
                assert socket.receive()["code"] == "bad_frame", number
                assert socket.hello(0)[-1]["type"] == "ready"

    def test_nothing_is_told_before_hello(self, open_socket, person, tell):
        with open_socket(person) as socket:
            socket.send({"action": "watch", "instruments": [1]})
            assert socket.receive()["code"] == "hello_first"
            tell(person, 1)
            assert socket.silent(0.4)

    def test_five_in_a_row_end_it(self, open_socket, person):
        with open_socket(person) as socket:
            for _ in range(5):
                socket.send("{")
            assert socket.close_code() == 4400

    def test_a_huge_one_ends_it(self, open_socket, person):
        with open_socket(person) as socket:
            socket.hello()
            socket.send("x" * 20_000)
            assert socket.close_code() == 4413

    def test_a_flood_ends_it(self, open_socket, person):
        with open_socket(person) as socket:
            socket.hello()
            for _ in range(70):
                socket.send({"action": "ping"})
            assert socket.close_code() == 4429


class TestCrowd:
    def test_a_person_has_twenty_sockets_at_most(self, open_socket, person, browser_of):
        client = browser_of(person)
        with ExitStack() as stack:
            sockets = [stack.enter_context(open_socket(person, client=client)) for _ in range(20)]
            for socket in sockets:
                socket.hello()
            with open_socket(person, client=client) as one_more:
                assert one_more.close_code() == 4409
            sockets[0].connection.close()
            with open_socket(person, client=client) as again:
                assert again.hello()[-1]["type"] == "ready"


def _root():
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_superuser("root@example.com", "secret-root-1")
