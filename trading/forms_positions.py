"""The forms of the positions page: how much of a position to close, and closing all of them."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django import forms

from holdings.forms import ExactDecimalField
from portfolio_site.kernel.forms import OneTimeFormMixin
from trading.operations.reading import MAX_CLIENT_ORDER_ID
from trading.queries import PositionView


class ClosePositionForm(forms.Form):
    """How many units to close. ``client_order_id`` goes with it through the review, so that one order comes of it however
    often it is sent."""

    quantity = ExactDecimalField(label="Units to close", error_messages={"required": "How many?"}, col="12")
    client_order_id = forms.CharField(widget=forms.HiddenInput, max_length=MAX_CLIENT_ORDER_ID)

    def __init__(self, *args: Any, position: PositionView, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["quantity"].initial = position.available
        self.fields["client_order_id"].initial = str(uuid.uuid4())
        self.position = position

    def clean_quantity(self) -> Decimal:
        """At least something, at most what is there."""
        quantity: Decimal = self.cleaned_data["quantity"]
        held = abs(self.position.quantity)
        if not 0 < quantity <= held:
            raise forms.ValidationError(
                f"Between nothing and {held.normalize():f}, which is all of it.", code="range"
            )
        return quantity


class ReverseForm(forms.Form):
    """Turning a position round: nothing to choose."""

    client_order_id = forms.CharField(widget=forms.HiddenInput, max_length=MAX_CLIENT_ORDER_ID - len("-open"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client_order_id"].initial = str(uuid.uuid4())


class CloseAllForm(OneTimeFormMixin):
    """Closing every position of an account."""

    cancel_orders = forms.BooleanField(
        label="Cancel open orders first",
        required=False,
        initial=True,
        help_text="What an open order is going to sell cannot be sold a second time.",
    )
