"""The front hall: home page for visitors, dashboard for those who are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def home(request: HttpRequest) -> HttpResponse:
    """Show what this is to a visitor, and the desk to a person who is signed in."""
    if request.user.is_authenticated:
        return render(request, "web/dashboard.html")
    return render(request, "web/home.html")


def help_page(request: HttpRequest) -> HttpResponse:
    """Explain first steps, figures and keys; open to visitors."""
    return render(request, "web/help.html")
