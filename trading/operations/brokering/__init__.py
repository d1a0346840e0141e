"""Orders that a broker executes: handed over, sent, followed, compared.

``handing`` takes an order over inside the transaction that places it and writes down what is to be said; ``sending`` says it
after the commit; ``applying`` and ``booking`` write what the broker answers; ``following`` hears what happens there and
catches up; ``comparing`` lays its books beside ours; ``connections`` is what a person does.
"""
