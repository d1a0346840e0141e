"""Market data providers: who says what things cost. One file each behind the port in `base`; `registry` lists
them."""
