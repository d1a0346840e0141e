"""The front hall: its pages."""

from django.urls import path

from . import display, pages

app_name = "web"

urlpatterns = [
    path("", pages.home, name="home"),
    path("help/", display.help_page, name="help"),
    path("display/", display.switch, name="display"),
]
