"""Market data operations: the way to the providers. Everything that asks one goes through `call`.

`call` keeps within what a provider allows, lets one ask where several want the same, tries again where that can help,
leaves a provider alone that asks for it or keeps failing, and writes down how it went. All of that is shared by
every process of the site through Valkey, and goes on per process, with smaller limits, while Valkey is away.
"""

from marketdata.operations.gateway.calling import call
from marketdata.operations.gateway.limits import Quota, limits_by_provider, quota_of
from marketdata.operations.gateway.refusals import NotAsked, Reason
from marketdata.operations.gateway.resetting import reset_provider

__all__ = ["NotAsked", "Quota", "Reason", "call", "limits_by_provider", "quota_of", "reset_provider"]
