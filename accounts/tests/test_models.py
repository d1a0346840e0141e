"""What the user table holds to by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from accounts.tests.support import PASSWORD, make_user
from portfolio_site.kernel import clock

pytestmark = pytest.mark.django_db


class TestEmailAddress:
    def test_is_kept_in_lower_case(self) -> None:
        user = make_user("Ada.Lovelace@Example.ORG")
        assert user.email == "ada.lovelace@example.org"
        assert User.objects.get(email="ADA.lovelace@example.org") == user
        assert User.objects.get_by_natural_key("Ada.Lovelace@example.org") == user

    def test_is_unique_however_it_is_capitalised(self, person: User) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.create_user("ADA@EXAMPLE.org", PASSWORD)

    def test_upper_case_is_refused_by_the_database_itself(self, person: User) -> None:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_user SET email = 'ADA@example.org' WHERE id = %s", [person.pk])

    def test_is_required(self) -> None:
        with pytest.raises(ValueError, match="e-mail"):
            User.objects.create_user("")


class TestUser:
    def test_is_the_project_s_user(self) -> None:
        assert get_user_model() is User
        assert not hasattr(User, "username")

    @pytest.mark.parametrize(
        ("field", "value"),
        [("time_zone", "Mars/Olympus"), ("locale", "xx"), ("base_currency", "E$"), ("theme", "pink")],
    )
    def test_preferences_are_validated(self, person: User, field: str, value: str) -> None:
        setattr(person, field, value)
        with pytest.raises(ValidationError) as caught:
            person.full_clean()
        assert set(caught.value.message_dict) == {field}

    def test_cannot_be_active_and_suspended(self, person: User) -> None:
        person.suspended_at = clock.now()
        with pytest.raises(IntegrityError), transaction.atomic():
            person.save()

    def test_new_password_is_dated(self, person: User) -> None:
        person.set_password("another one entirely")
        person.save()
        person.refresh_from_db()
        assert person.password_changed_at is not None
        assert clock.now() - person.password_changed_at < timedelta(seconds=10)

    def test_superuser_may_open_the_admin(self) -> None:
        root = User.objects.create_superuser("root@example.org", PASSWORD)
        assert root.is_staff
        assert root.is_superuser

    def test_is_addressed_by_name_or_address(self, person: User) -> None:
        assert (person.get_full_name(), person.get_short_name()) == ("ada@example.org", "ada")
        person.name = "Ada Lovelace"
        assert (person.get_full_name(), person.get_short_name()) == ("Ada Lovelace", "Ada")
