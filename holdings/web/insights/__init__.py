"""The pages that say how a portfolio did, what it is made of, and where each of those figures comes from."""
