"""Accounts: addresses of the settings pages."""

from django.urls import path

from accounts import web

app_name = "accounts"

urlpatterns = [
    path("settings/", web.profile, name="profile"),
    path("settings/welcome/", web.welcome, name="welcome"),
    path("settings/preview/", web.preview, name="preview"),
    path("settings/display/", web.display, name="display"),
    path("settings/theme/", web.display, name="set_theme"),
    path("settings/privacy/", web.display, name="set_privacy"),
    path("settings/security/", web.security, name="security"),
    path("settings/tokens/", web.tokens, name="tokens"),
    path("settings/tokens/<int:token_id>/revoke/", web.revoke_token, name="revoke_token"),
    path("settings/export/", web.export, name="export"),
    path("settings/close/", web.close, name="close"),
]
