"""What a part of the portfolio did in a period, measured like a portfolio of its own."""

from __future__ import annotations

from functools import partial

from holdings.domain.analysis import Analysis
from holdings.domain.definitions import DEFINITIONS
from holdings.domain.explain import part_rows
from holdings.domain.explain.parts import CLOSING, FLOWS, OPENING
from holdings.domain.scopes import DIMENSIONS, Attribution, Scope, attribute, measure_scope
from holdings.queries.insights.explaining.naming import added_up
from holdings.queries.insights.explaining.registry import Figure
from holdings.queries.insights.explaining.returns import shown
from holdings.queries.insights.explaining.working import (
    Asked,
    Fact,
    SubjectUnknown,
    Working,
    computed,
    fraction,
)
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.performance import part_label


def _found(lens: Lens, asked: Asked) -> tuple[Analysis, Scope]:
    """The analysis of the period and the part that is asked for. Raises `SubjectUnknown`."""
    if asked.period is None or asked.by not in DIMENSIONS:
        raise SubjectUnknown(asked.by)
    analysis = lens.analysis(asked.period)
    for scope in DIMENSIONS[asked.by](analysis):
        if scope.label == asked.part:
            return analysis, scope
    raise SubjectUnknown(asked.part)


def _rows(name: str, lens: Lens, asked: Asked) -> Working:
    analysis, scope = _found(lens, asked)
    rows = part_rows(analysis, scope, name)
    return added_up(lens, analysis, rows, subject=_subject(lens, analysis, asked), period=asked.period)


def _attributed(analysis: Analysis, scope: Scope) -> Attribution:
    return attribute(analysis, [scope])[0]


def _gain(lens: Lens, asked: Asked) -> Working:
    analysis, scope = _found(lens, asked)
    found = _attributed(analysis, scope)
    of = {"by": asked.by, "part": asked.part}
    return computed(
        found.gain,
        Fact(DEFINITIONS[CLOSING].label, "money", found.closing_value, CLOSING, of),
        Fact(DEFINITIONS[OPENING].label, "money", found.opening_value, OPENING, of),
        Fact(DEFINITIONS[FLOWS].label, "money", found.net_flows, FLOWS, of),
        unit="money",
        subject=_subject(lens, analysis, asked),
        period=asked.period,
    )


def _contribution(lens: Lens, asked: Asked) -> Working:
    analysis, scope = _found(lens, asked)
    found, statement = _attributed(analysis, scope), analysis.statement
    return computed(
        fraction(found.contribution),
        Fact(
            DEFINITIONS["part_gain"].label,
            "money",
            found.gain,
            "part_gain",
            {"by": asked.by, "part": asked.part},
        ),
        Fact("Opening value of the portfolio", "money", statement.opening_value, "statement-opening_value"),
        Fact("Contributions to it", "money", statement.contributions, "statement-contributions"),
        subject=_subject(lens, analysis, asked),
        period=asked.period,
    )


def _return(name: str, lens: Lens, asked: Asked) -> Working:
    analysis, scope = _found(lens, asked)
    performance = measure_scope(analysis, scope)
    return shown(performance, name, subject=_subject(lens, analysis, asked), period=asked.period)


def _subject(lens: Lens, analysis: Analysis, asked: Asked) -> str:
    return part_label(lens, analysis, asked.by, asked.part or "")


FIGURES = {
    **{name: Figure(DEFINITIONS[name], partial(_rows, name)) for name in (OPENING, CLOSING, FLOWS)},
    "part_gain": Figure(DEFINITIONS["part_gain"], _gain),
    "part_contribution": Figure(DEFINITIONS["part_contribution"], _contribution),
    "part_twr": Figure(DEFINITIONS["part_twr"], partial(_return, "twr")),
    "part_irr": Figure(DEFINITIONS["part_irr"], partial(_return, "irr")),
}
