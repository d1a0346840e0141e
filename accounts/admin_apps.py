"""Accounts: Django's admin, as an app that stands behind the site's own sign-in."""

from django.contrib.admin.apps import AdminConfig


class SiteAdminConfig(AdminConfig):
    """`django.contrib.admin` with `HoldfastAdminSite` as its site; goes in its place into INSTALLED_APPS."""

    default_site = "accounts.admin_site.HoldfastAdminSite"
