"""The front hall: what the live socket says, as an AsyncAPI document and as a page. The reasons are in docs/live.md."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

_FILE = Path(__file__).with_name("asyncapi.yaml")


@cache
def document() -> dict[str, Any]:
    """The document, read once."""
    found: dict[str, Any] = yaml.safe_load(_FILE.read_text())
    return found


@require_GET
def asyncapi(_request: HttpRequest) -> HttpResponse:
    """The document as it is."""
    return HttpResponse(_FILE.read_bytes(), content_type="application/yaml")


@require_GET
def events(request: HttpRequest) -> HttpResponse:
    """The document as people read it."""
    said = document()
    sides = [
        {
            "title": said["operations"][name]["summary"],
            "messages": [
                _shown(entry["$ref"].rsplit("/", 1)[-1]) for entry in said["operations"][name]["messages"]
            ],
        }
        for name in ("say", "hear")
    ]
    return render(
        request, "web/events.html", {"about": said["info"]["description"], "sides": sides, "address": "/ws/"}
    )


def _shown(name: str) -> dict[str, Any]:
    message = document()["components"]["messages"][name]
    payload = message["payload"]
    needed = set(payload.get("required", ()))
    return {
        "name": name,
        "summary": message["summary"],
        "example": json.dumps(message["examples"][0]["payload"], indent=2, ensure_ascii=False),
        "fields": [
            {
                "name": field,
                "type": _type(schema),
                "needed": field in needed,
                "text": schema.get("description", ""),
            }
            for field, schema in payload["properties"].items()
        ],
    }


def _type(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return f'always "{schema["const"]}"'
    if "enum" in schema:
        return ", ".join(schema["enum"])
    kinds = schema.get("type", "")
    said = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    return f"{said} of {_type(schema['items'])}" if said == "array" else said
