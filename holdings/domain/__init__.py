"""The pure finance maths of the books. No Django, no clock, no I/O.

Public surface (import from these modules; each module's docstring explains itself):

``types``       Portfolio, Account, Instrument, Transaction, TransactionType, CostMethod, Problem, Notice, PortfolioError
``series``      Series: closes and rates as exact step functions (``Series.from_pairs``, ``Series.from_decimals``)
``market``      Market(base_currency, instruments, prices, fx): ``price(instrument, day, account)``, ``rate(frm, to, day)``
``ledger``      Ledger(setup, books=None).apply(transaction) -> Effects; Books (open lots, cash, liabilities, pools);
                replay(setup, transactions) sorts by time, defers transfers and plans Section 104 matches
``parsing``     parse(text | bytes) -> Portfolio, or PortfolioError with every problem by JSON path
``writing``     document(portfolio) -> the JSON-able portfolio file
``analysis``    analyse(portfolio, start=None, end=None, method=None, benchmark=None) -> Analysis
``output``      document(analysis, daily=False) -> the JSON-able ``analysis/1``
``definitions`` DEFINITIONS[figure] -> label, one-sentence definition, formula (help texts of the pages)
``explain``     explain(analysis, figure) -> rows, prices and rates behind a figure
``ranges``      named ranges (1D … MAX, YTD, calendar years) -> (from, to]
``scopes``      performance and attribution per account, instrument, asset class, sector, currency, tag
``statistics``  registry of statistics on daily returns; one file each
"""
