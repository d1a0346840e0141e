"""Accounts: the groups behind the roles and their permissions are kept in step with `accounts.roles`."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps.registry import Apps
from django.apps.registry import apps as global_apps
from django.contrib.auth.management import create_permissions
from django.db import transaction

from accounts.roles import PERMISSIONS, Role, may


def grant_role_permissions(*, app_label: str, apps: Apps, using: str = "default") -> None:
    """Give each role exactly what `accounts.roles` says about the models of one app. Repeating it changes nothing."""
    group_model: Any = apps.get_model("auth", "Group")
    permission_model: Any = apps.get_model("auth", "Permission")
    with transaction.atomic(using=using):
        existing = list(
            permission_model.objects.using(using)
            .filter(content_type__app_label=app_label)
            .values_list("pk", "codename")
        )
        for role in Role:
            group, _ = group_model.objects.using(using).get_or_create(name=role.value)
            if app_label not in PERMISSIONS[role] and not existing:
                continue
            wanted = {pk for pk, codename in existing if may(role, app_label=app_label, codename=codename)}
            held = set(
                group.permissions.filter(content_type__app_label=app_label).values_list("pk", flat=True)
            )
            group.permissions.add(*wanted - held)
            group.permissions.remove(*held - wanted)


def after_migrate(
    sender: AppConfig, apps: Apps | None = None, using: str = "default", verbosity: int = 1, **_: Any
) -> None:
    """Run after each app's migrations (and after a test's flush, which names no apps), when its permissions exist."""
    apps = apps or global_apps
    try:
        apps.get_model("auth", "Group")
        apps.get_model("accounts", "User")
    except LookupError:
        # Migrating an app on its own, to before this one exists.
        return
    if sender.label not in {app for table in PERMISSIONS.values() for app in table}:
        return
    create_permissions(sender, verbosity=0, using=using, apps=apps)
    grant_role_permissions(app_label=sender.label, apps=apps, using=using)
