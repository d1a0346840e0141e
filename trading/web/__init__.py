"""The counter's pages. Each view calls one operation or one query; everything works as a plain form post."""
