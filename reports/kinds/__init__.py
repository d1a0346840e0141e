"""The print shop: one file per kind of report: what it collects from the books, and which renderer prints it."""
