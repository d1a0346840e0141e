"""Where the books use an instrument: told to market data before an instrument of one's own is removed or recounted."""

from __future__ import annotations

from collections import Counter

from django.db.models import Q

from holdings.models import DraftTransaction, TargetDimension, TargetWeight, Transaction
from marketdata.models import Instrument


def uses_of_instrument(instrument_id: int) -> list[str]:
    """Return in words what refers to an instrument, by portfolio: entries (those taken back too: the journal keeps
    them), entries to come, target weights. Three statements."""
    of_it = Q(instrument_id=instrument_id) | Q(to_instrument_id=instrument_id)
    found: list[str] = []
    entries = Counter(Transaction.objects.filter(of_it).values_list("portfolio__name", flat=True))
    found += [
        f"{count} {'entry' if count == 1 else 'entries'} of “{name}”"
        for name, count in sorted(entries.items())
    ]
    in_entry = Q(entry__instrument_id=instrument_id) | Q(entry__to_instrument_id=instrument_id)
    drafts = DraftTransaction.objects.filter(in_entry).values_list("portfolio__name", flat=True)
    found += [f"an entry to come of “{name}”" for name in sorted(set(drafts))]
    whose = Instrument.objects.filter(pk=instrument_id).values("owner_id")
    targets = TargetWeight.objects.filter(
        dimension=TargetDimension.INSTRUMENT, key=str(instrument_id), portfolio__owner_id__in=whose
    )
    found += [
        f"the targets of “{name}”" for name in sorted(targets.values_list("portfolio__name", flat=True))
    ]
    return found
