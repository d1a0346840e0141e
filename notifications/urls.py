"""The bell: addresses of its pages."""

from django.urls import path

from notifications import web

app_name = "notifications"

urlpatterns = [
    path("notifications/", web.index, name="index"),
    path("notifications/entries/", web.entries, name="entries"),
    path("notifications/bell/", web.bell, name="bell"),
    path("notifications/preferences/", web.preferences, name="preferences"),
    path("notifications/read/", web.mark_all, name="mark_all"),
    path("notifications/<int:notification_id>/", web.open_entry, name="open"),
    path("notifications/<int:notification_id>/read/", web.mark, name="mark"),
]
