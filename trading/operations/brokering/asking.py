"""Asking a broker what may be done with an instrument there: for tickets, before anything is placed. Nothing is changed."""

from __future__ import annotations

from uuid import UUID

from marketdata.models import Instrument
from trading.brokers.alpaca_addresses import BaseUrlRefused
from trading.brokers.base import BrokerError
from trading.models import BrokerConnection
from trading.operations.brokering.speaking import broker_of
from trading.operations.brokering.symbols import symbol_at_broker
from trading.queries.broker_assets import keep_asset, keep_silence


def ask_about_asset(*, connection_id: UUID, instrument_id: int) -> None:
    """Ask the broker of a connection about an instrument and remember the answer for tickets. Not for inside a transaction; a
    broker that does not answer is left alone for a minute."""
    row = BrokerConnection.objects.filter(pk=connection_id).first()
    instrument = Instrument.objects.filter(pk=instrument_id).first()
    if row is None or row.is_ended or instrument is None:
        return
    try:
        asset = broker_of(row).asset(symbol_at_broker(instrument))
    except (BrokerError, BaseUrlRefused):
        keep_silence(connection_id, instrument_id)
        return
    keep_asset(connection_id, instrument_id, asset)
