"""The print shop: HTML and SVG put together so that nothing can slip through unescaped.

Text is escaped because it is text; only what :func:`el` itself returned counts as markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Final

VOID: Final = frozenset({"meta", "img", "br", "hr", "col"})
# What XML cannot hold at all, even escaped.
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Finished markup. Made by :func:`el` and :func:`join` alone, never from a person's text."""

    __slots__ = ()


def clean(text: str) -> str:
    """``text`` without control characters and lone surrogates."""
    return _CONTROL.sub("", text)


def text(value: str) -> Markup:
    """``value`` as escaped text."""
    return Markup(escape(clean(value)))


def el(tag: str, *children: str, **attributes: str | float | None) -> Markup:
    """One element. ``str`` children and attributes are escaped, :class:`Markup` children are not.

    Attribute names: a trailing underscore is dropped (``class_``), others become hyphens (``stroke_width``);
    attributes that are None are left out.
    """
    parts = [f"<{tag}"]
    for name, value in attributes.items():
        if value is not None:
            parts.append(f' {name.rstrip("_").replace("_", "-")}="{escape(clean(str(value)))}"')
    if tag in VOID and not children:
        return Markup("".join(parts) + ">")
    return Markup("".join(parts) + ">" + join(children) + f"</{tag}>")


def join(children: Iterable[str]) -> Markup:
    """Children one after the other; those that are not markup are escaped."""
    return Markup("".join(child if isinstance(child, Markup) else text(child) for child in children))
