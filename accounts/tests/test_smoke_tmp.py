import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts import operations
from accounts.models import *


@pytest.mark.django_db
def test_x(client):
    u = operations.register_user(email="A@b.de", password="x", now=timezone.now(), is_email_verified=True)
    print(UserEvent.objects.values(), RoleEvent.objects.values())
    print(
        {
            g.name: sorted(g.permissions.values_list("content_type__app_label", "codename"))
            for g in Group.objects.all()
        }
    )
    r = client.get("/accounts/login/")
    print(r.status_code)
