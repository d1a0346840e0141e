"""What brokers are spoken to with: one port (``base``) and one file per broker. No Django, no tables: they only speak."""
