"""The pure part of the counter: no Django, no clock, no I/O.

What is here:

- ``states``       the order's life as one transition table; an impossible trigger raises
- ``types``        the values that pass between the engine and its callers
- ``matching``     ``match(book, quote, now)``: which orders fill, at what price, and why (or why not)
- ``fees``         what a fill costs; a model per broker tariff behind one port
- ``reservation``  cash held for an open buy
- ``rules``        what an order must look like before anything is asked of the books
- ``wording``      the sentences of an order's trail

Every quantity, price and amount is a ``Decimal``; nothing here rounds money (that happens at posting).
"""
