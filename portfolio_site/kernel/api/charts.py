"""API: charts in the form that Chart.js takes.

The pages' charts and these have one source: what a page draws, a program gets, with the same figures. `data` and
`options` can be given to `new Chart(canvas, answer)` as they are (Chart.js reads decimals from strings).
"""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

_FRAME = frozenset(
    {"kind", "labels", "series", "empty", "overlays", "panes", "bars", "volume", "form", "live"}
)
_TYPES = {"doughnut": "doughnut", "bar": "bar"}


class DatasetSerializer(serializers.Serializer[Any]):
    """One line, ring or set of bars. `data` has a value, or null, for each label."""

    key = serializers.CharField(help_text="Stable name of the line, whatever its label.")
    label = serializers.CharField()  # type: ignore[assignment]
    data = serializers.ListField(child=serializers.CharField(allow_null=True))  # type: ignore[assignment]
    type = serializers.CharField(required=False, help_text="Where it differs from the chart's.")
    yAxisID = serializers.CharField(required=False)  # noqa: N815 - Chart.js's name
    fill = serializers.BooleanField(required=False)
    borderDash = serializers.ListField(  # noqa: N815 - Chart.js's name
        child=serializers.IntegerField(), required=False
    )


class ChartDataSerializer(serializers.Serializer[Any]):
    """Labels (days, instants or names) and what belongs to them."""

    labels = serializers.ListField(child=serializers.CharField())
    datasets = DatasetSerializer(many=True)


class ChartSerializer(serializers.Serializer[Any]):
    """A chart for Chart.js, and in `about` what its figures are."""

    type = serializers.ChoiceField(choices=["line", "bar", "doughnut"])
    data = ChartDataSerializer()  # type: ignore[assignment]
    options = serializers.DictField()
    about = serializers.DictField(
        help_text="`unit` (money, percent, number, price), `currency`, `summary` in words, `markers`, and `empty`: "
        "why there is nothing to draw."
    )


def chart_js(body: dict[str, Any]) -> dict[str, Any]:
    """Turn the body of a page's chart into Chart.js's configuration. Lines only: of candles, draw the bars yourself."""
    kind = body.get("kind", "line")
    lines = [*body.get("series", ()), *body.get("overlays", ())]
    datasets = [_dataset(line) for line in lines]
    scales: dict[str, Any] = {}
    if "volume" in body:
        datasets.append(
            {"key": "volume", "label": body["volume"]["label"], "data": body["volume"]["values"], "type": "bar",
             "yAxisID": "volume"}
        )  # fmt: skip
        scales["volume"] = {"position": "right", "beginAtZero": True, "grid": {"display": False}}
    for pane in body.get("panes", ()):
        datasets += [{**_dataset(line), "yAxisID": pane["key"]} for line in pane.get("series", ())]
        scales[pane["key"]] = {"position": "right"}
    stacked = bool(body.get("stacked"))
    if kind != "doughnut":
        scales = {"x": {"stacked": stacked}, "y": {"stacked": stacked}, **scales}
        if body.get("scale") == "log":
            scales["y"]["type"] = "logarithmic"
    options: dict[str, Any] = {"responsive": True, "interaction": {"mode": "index", "intersect": False}}
    if scales:
        options["scales"] = scales
    about = {name: value for name, value in body.items() if name not in _FRAME}
    return {
        "type": _TYPES.get(kind, "line"),
        "data": {"labels": body.get("labels", []), "datasets": datasets},
        "options": options,
        "about": {**about, "empty": body.get("empty", "")},
    }


def _dataset(line: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"key": line["key"], "label": line["label"], "data": line["values"]}
    if line.get("style") == "area":
        found["fill"] = True
    if line.get("style") == "dashed":
        found["borderDash"] = [6, 4]
    return found
