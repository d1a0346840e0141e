"""Why the counter refuses something. Each message is a sentence for the person whose order it was."""

from __future__ import annotations

from typing import Any

from portfolio_site.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from trading.engine.types import Refusal


class OrderRefusedError(DomainError):
    """The order does not pass a check. Nothing was stored; it may be corrected and sent again."""

    code = "order_refused"

    @classmethod
    def of(cls, refusal: Refusal, **details: Any) -> OrderRefusedError:
        """The error of a refusal found by the checks."""
        return cls(refusal.message, code=refusal.code, field=refusal.field, details=details)


class ClientOrderIdTakenError(ConflictError):
    """The same ``client_order_id`` came before with a different order."""

    code = "client_order_id_taken"

    def __init__(self, order_id: object) -> None:
        super().__init__(
            "This client order id already belongs to a different order of the portfolio.",
            field="client_order_id",
            details={"order_id": str(order_id)},
        )


class OrderNotCancelableError(DomainError):
    """The order has come to its end, or is on its way there."""

    code = "order_not_cancelable"


class OrderUnknownError(NotFoundError):
    """No such order, or not for this person."""

    code = "order_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such order.")


class PortfolioUnknownError(NotFoundError):
    """No such portfolio, or not for this person."""

    code = "portfolio_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such portfolio.")


class ReadOnlyError(ForbiddenError):
    """Somebody who may look, but not trade."""

    code = "read_only"

    def __init__(self) -> None:
        super().__init__("You may look at this portfolio, but not trade in it.")


class TradingHaltedError(OrderRefusedError):
    """No new orders at the moment: a kill switch is on, or the owner suspended trading."""

    code = "trading_halted"
    status = 403


class OrderNotReplaceableError(DomainError):
    """The order has come to its end, is on its way there, or is of a kind that cannot be replaced."""

    code = "order_not_replaceable"


class PositionUnknownError(NotFoundError):
    """Nothing is held of that instrument."""

    code = "position_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such position.")


class AccountRefusedError(DomainError):
    """A change of an account that cannot be; ``field`` says why."""

    code = "account_refused"
