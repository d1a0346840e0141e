"""The frame: the examples of the API's description, one file for each operation.

Tests write them (`API_EXAMPLES_WRITE=1 pytest tests/api/test_examples.py`) from what the site answers, and fail when one
is no longer what it answers or is missing. `show_examples` is a hook of drf-spectacular.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
#: Each status' example of a problem, by the status.
PROBLEMS = "problems.json"
_METHODS = ("get", "post", "put", "patch", "delete")
_PROBLEM = "application/problem+json"


def name_of(operation_id: str) -> str:
    """The name of the file of an operation's example."""
    return f"{operation_id}.json"


@functools.cache
def _read(name: str) -> Any:
    file = FOLDER / name
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def example_of(operation_id: str) -> dict[str, Any]:
    """What was asked (`parameters`, `request`) and what was answered (`status`, `answer`); empty when there is none."""
    found: dict[str, Any] = _read(name_of(operation_id))
    return found


def show_examples(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Put each operation's example where Swagger UI and Redoc look for it, and each status' example of a problem."""
    for operations in result.get("paths", {}).values():
        for method in _METHODS:
            if method in operations:
                _show(operations[method], example_of(operations[method]["operationId"]))
    return result


def _show(operation: dict[str, Any], example: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["name"] in example.get("parameters", {}):
            parameter["example"] = example["parameters"][parameter["name"]]
    if "request" in example:
        _put(operation["requestBody"], example["request"])
    for status, answer in operation["responses"].items():
        if status == str(example.get("status")) and "answer" in example:
            _put(answer, example["answer"])
        elif _PROBLEM in answer.get("content", {}) and status in _read(PROBLEMS):
            answer["content"][_PROBLEM]["examples"] = {"refused": {"value": _read(PROBLEMS)[status]}}


def _put(place: dict[str, Any], value: Any) -> None:
    for media in place.get("content", {}).values():
        media["examples"] = {"asked": {"value": value}}
