"""The front hall: its pages."""

from django.urls import path

from . import pages

app_name = "web"

urlpatterns = [
    path("", pages.home, name="home"),
    path("dashboard/value/", pages.value_chart, name="value_chart"),
    path("help/", pages.help_page, name="help"),
]
