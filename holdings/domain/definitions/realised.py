"""Lots that are open, and parcels that were closed."""

from __future__ import annotations

from holdings.domain.definitions.base import Definition

REALISED: dict[str, Definition] = {
    "lot_quantity": Definition(
        "Units of a lot", "What is left of a purchase: all it brought less what sales took.", "opened − taken"
    ),
    "lot_cost": Definition(
        "Cost of a lot",
        "What is left of the cost of a purchase, fees included, after what sales took with them.",
        "cost at the opening, with later adjustments − cost taken by sales",
    ),
    "lot_unit_cost": Definition("Unit cost", "Cost of a lot per unit that is left.", "cost / quantity"),
    "parcel_quantity": Definition(
        "Units closed", "How many units of a lot a sale closed.", "the part of the sale that falls to the lot"
    ),
    "lot_cost_closed": Definition(
        "Cost of what was sold",
        "The cost of the lots that were closed, fees included, each at the rate of its purchase day in base currency.",
        "cost of the lot × quantity closed / quantity of the lot",
    ),
    "closing_fees": Definition(
        "Fees in the gain",
        "Fees of the sale, already taken off its proceeds.",
        "fees × quantity closed / quantity sold",
    ),
    "counted_gain": Definition(
        "Gain that counts",
        "Realised gain with the losses added back that a wash sale moved to the replacement.",
        "realised gain + wash sale adjustment",
    ),
    "wash_sale_adjustment": Definition(
        "Wash sale adjustment",
        "A loss that does not count because the shares were bought again within 30 days; it is added to the cost of the "
        "replacement.",
        "loss × replaced shares / shares sold",
    ),
    "term": Definition(
        "Term",
        "Long when the sale came after the anniversary of the purchase, else short.",
        "closed > opened + 1 year",
    ),
}
