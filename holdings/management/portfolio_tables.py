"""How `manage.py portfolio` writes its answers for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdings.operations import RestoreOutcome
from marketdata.queries import PriceAnswer
from portfolio_site.kernel.api.fields import plain


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Columns under their heads; those in `right` end flush."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def written(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join(
        [written(head), "  ".join("-" * width for width in widths), *(written(row) for row in rows)]
    )


def assets_table(view: dict[str, Any]) -> str:
    """Assets and totals."""
    if not view["assets"]:
        return "There is nothing in the portfolio yet."
    currency = view["currency"]
    rows = [
        [
            row["symbol"],
            row["name"][:32],
            row["quantity"],
            f"{_money(row['price'])} {row['price_currency']}",
            _money(row["value"]),
            _money(row["gain"]),
        ]
        for row in view["assets"]
    ]
    head = ["Symbol", "Name", "Quantity", "Price", f"Value {currency}", f"Gain {currency}"]
    lines = [f"{view['portfolio']}:", "", table(head, rows, right=(2, 3, 4, 5)), ""]
    lines.append(
        f"Total {_money(view['total_value'])} {currency}, of which cash {_money(view['cash'])} {currency}."
    )
    lines += [f"Missing: {text}" for text in view["missing"]]
    if view["is_simulated"]:
        lines.append("Some of these prices are simulated.")
    return "\n".join(lines)


def price_line(answer: PriceAnswer) -> str:
    """One price, or why there is none."""
    if answer.error is not None or answer.price is None or answer.time is None:
        return f"{answer.symbol}: {answer.error.message if answer.error else 'no price'}"
    notes = [f"{answer.time:%Y-%m-%d %H:%M} UTC", str(answer.source)]
    notes += ["simulated"] if answer.is_simulated and answer.source != "simulated" else []
    notes += ["old"] if answer.is_stale else []
    return f"{answer.symbol} ({answer.name}): {plain(answer.price)} {answer.currency} ({', '.join(notes)})"


def backups_table(found: Sequence[dict[str, Any]]) -> str:
    """Backups by number."""
    rows = [
        [str(number), row["created_at"][:16].replace("T", " "), row["filename"], str(row["size"])]
        for number, row in enumerate(found, start=1)
    ]
    return table(["", "Made (UTC)", "File", "Bytes"], rows, right=(0, 3))


def outcome_lines(outcome: RestoreOutcome, *, would: bool) -> list[str]:
    """What a restore does, or would do."""
    if outcome.changes_nothing:
        return [
            f"{outcome.name}: everything is as in the backup; nothing {'would change' if would else 'changed'}."
        ]
    verb = "would be" if would else "were"
    place = "a new portfolio" if outcome.is_new else "the portfolio"
    counts = f"{outcome.added} entries {verb} added, {outcome.removed} taken back, {outcome.unchanged} left as they are"
    lines = [f"{outcome.name} ({place}): {counts}."]
    if outcome.planned:
        lines.append(f"  of them planned, until their day: {outcome.planned}")
    if outcome.targets:
        lines.append(f"  target weights in so many ways of dividing it: {outcome.targets}")
    lines += [f"  watchlist: {name}" for name in outcome.watchlists]
    lines += [f"  cash {row.label}: {plain(row.before)} → {plain(row.after)}" for row in outcome.cash]
    lines += [f"  {row.label}: {plain(row.before)} → {plain(row.after)}" for row in outcome.holdings]
    return lines


def _money(text: str | None) -> str:
    if text is None:
        return "?"
    whole, _, part = text.partition(".")
    return f"{int(whole):,}.{part[:2].ljust(2, '0')}" if len(part) < 3 else text
