"""The inbox: what lands in it, reading it, and choosing what one hears of."""

import pytest
from django.urls import reverse

from notifications import operations
from notifications.messages import KINDS
from notifications.models import Notification, UserEvent
from notifications.queries import NotificationNotFound, bell
from notifications.tests.conftest import NOW


@pytest.fixture
def signed_in(client, person):
    client.force_login(person)
    return client


class TestInbox:
    def test_shows_new_entries_first_and_links_to_the_thing(self, signed_in, person, tell):
        tell(person, 1, title="First", url="/orders/a/")
        tell(person, 2, title="Second <b>bold</b>")
        body = signed_in.get(reverse("notifications:index")).content.decode()
        assert body.index("Second") < body.index("First")
        assert "<b>bold" not in body

    def test_narrows_to_what_is_unread(self, signed_in, person, tell):
        tell(person, 1, title="Old news")
        operations.mark_all_read(actor=person, now=NOW)
        tell(person, 2, title="Fresh news")
        body = signed_in.get(reverse("notifications:index"), {"show": "unread"}).content.decode()
        assert "Fresh news" in body
        assert "Old news" not in body

    def test_opening_an_entry_reads_it_and_goes_there(self, signed_in, person, tell):
        tell(person, 1, url="/orders/abc/")
        entry = Notification.objects.get()
        response = signed_in.get(reverse("notifications:open", args=[entry.pk]))
        assert response["Location"] == "/orders/abc/"
        entry.refresh_from_db()
        assert entry.read_at is not None

    @pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
    def test_opening_never_leaves_the_site(self, signed_in, person, tell, url):
        tell(person, 1, url=url)
        response = signed_in.get(reverse("notifications:open", args=[Notification.objects.get().pk]))
        assert response["Location"] == reverse("notifications:index")

    def test_marks_one_and_back_again(self, signed_in, person, tell):
        tell(person, 1)
        entry = Notification.objects.get()
        url = reverse("notifications:mark", args=[entry.pk])
        signed_in.post(url)
        assert bell(person.pk).unread == 0
        signed_in.post(url, {"unread": "1"})
        assert bell(person.pk).unread == 1

    def test_marks_all_that_the_page_showed_but_not_what_came_since(self, signed_in, person, tell):
        tell(person, 1)
        shown = Notification.objects.get().pk
        tell(person, 2)
        signed_in.post(reverse("notifications:mark_all"), {"up_to": shown})
        assert bell(person.pk).unread == 1
        signed_in.post(reverse("notifications:mark_all"), {"up_to": "x" * 50})
        assert bell(person.pk).unread == 0

    def test_renews_only_its_list_for_htmx(self, signed_in, person, tell):
        tell(person, 1, title="News")
        body = signed_in.post(
            reverse("notifications:mark_all"),
            {"up_to": Notification.objects.get().pk},
            HTTP_HX_REQUEST="true",
        ).content.decode()
        assert "News" in body
        assert "<html" not in body

    def test_asks_the_database_little_however_long_it_is(
        self, signed_in, person, tell, django_assert_max_num_queries
    ):
        for number in range(1, 40):
            tell(person, number)
        signed_in.get(reverse("notifications:index"))
        with django_assert_max_num_queries(6):
            signed_in.get(reverse("notifications:index"))

    def test_says_so_when_there_is_nothing(self, signed_in):
        assert "Nothing has happened yet" in signed_in.get(reverse("notifications:index")).content.decode()


class TestBell:
    def test_counts_and_says_where_live_updates_go_on_from(self, signed_in, person, tell):
        tell(person, 1)
        tell(person, 2)
        body = signed_in.get(reverse("notifications:bell")).content.decode()
        assert 'data-last-event-id="2"' in body
        assert f'data-user-id="{person.pk}"' in body
        assert ">2<" in body

    def test_takes_one_statement(self, person, tell, django_assert_num_queries):
        tell(person, 1)
        with django_assert_num_queries(1):
            assert (bell(person.pk).unread, bell.__name__) == (1, "bell")


class TestPreferences:
    def test_what_is_switched_off_is_numbered_but_quiet(self, person, tell):
        operations.set_preferences(actor=person, wanted={"order.filled": False})
        assert tell(person, 1, refresh=("blotter",)) == 1
        assert not Notification.objects.exists()
        payload = UserEvent.objects.get().payload
        assert payload["quiet"] is True
        assert payload["refresh"] == ["blotter"]

    def test_form_stores_the_choice(self, signed_in, person, tell):
        url = reverse("notifications:preferences")
        body = signed_in.get(url).content.decode()
        assert all(kind.label in body for kind in KINDS)
        on = {kind.code.replace(".", "-"): "on" for kind in KINDS if kind.code != "order.accepted"}
        assert signed_in.post(url, on).status_code == 302
        tell(person, 1, kind="order.accepted")
        tell(person, 2, kind="order.filled")
        assert [n.kind for n in Notification.objects.all()] == ["order.filled"]

    def test_security_cannot_be_switched_off(self, signed_in, person, tell):
        signed_in.post(reverse("notifications:preferences"), {})
        with pytest.raises(operations.KindUnknown):
            operations.set_preferences(actor=person, wanted={"security.noticed": False})
        tell(person, 1, kind="security.noticed")
        assert Notification.objects.count() == 1

    def test_refuses_a_kind_that_there_is_not(self, person):
        with pytest.raises(operations.KindUnknown):
            operations.set_preferences(actor=person, wanted={"order.dreamt": True})


class TestOutsider:
    def test_reaches_nothing_of_somebody_elses(self, client, person, outsider, tell):
        tell(person, 1, title="Private news")
        entry = Notification.objects.get()
        client.force_login(outsider)
        assert "Private news" not in client.get(reverse("notifications:index")).content.decode()
        assert client.get(reverse("notifications:open", args=[entry.pk])).status_code == 404
        assert client.post(reverse("notifications:mark", args=[entry.pk])).status_code == 404
        client.post(reverse("notifications:mark_all"), {"up_to": entry.pk})
        assert client.get(f"/api/v1/notifications/{entry.pk}/").status_code == 404
        assert client.post(f"/api/v1/notifications/{entry.pk}/read/").status_code == 404
        assert client.post("/api/v1/notifications/read-all/").json() == {"marked": 0}
        assert client.get("/api/v1/notifications/").json()["results"] == []
        entry.refresh_from_db()
        assert entry.read_at is None
        with pytest.raises(NotificationNotFound):
            operations.mark_read(notification_id=entry.pk, actor=outsider, now=NOW)

    @pytest.mark.parametrize("name", ["index", "entries", "bell", "preferences"])
    def test_is_sent_to_the_sign_in_page_when_anonymous(self, client, db, name):
        response = client.get(reverse(f"notifications:{name}"))
        assert response.status_code == 302
        assert "/accounts/login/" in response["Location"]


class TestApi:
    def test_lists_filters_and_marks(self, signed_in, person, tell):
        tell(person, 1, title="One")
        tell(person, 2, title="Two")
        entries = signed_in.get("/api/v1/notifications/").json()["results"]
        assert [e["title"] for e in entries] == ["Two", "One"]
        read = signed_in.post(f"/api/v1/notifications/{entries[0]['id']}/read/").json()
        assert read["read_at"] is not None
        unread = signed_in.get("/api/v1/notifications/", {"unread": "true"}).json()["results"]
        assert [e["title"] for e in unread] == ["One"]
        back = signed_in.post(f"/api/v1/notifications/{entries[0]['id']}/unread/").json()
        assert back["read_at"] is None
        assert signed_in.post("/api/v1/notifications/read-all/").json() == {"marked": 2}

    def test_wants_a_signed_in_person(self, client, db):
        assert client.get("/api/v1/notifications/").status_code == 401
        assert client.post("/api/v1/notifications/read-all/").status_code == 401
