"""Holdings: the books. Portfolios, an append-only journal, and everything that follows from it."""
