"""Market data operations: loading price files. Each file is one transaction; loading it again changes
nothing."""

from marketdata.operations.loading.files import LoadOptions, LoadSummary, load_prices

__all__ = ["LoadOptions", "LoadSummary", "load_prices"]
