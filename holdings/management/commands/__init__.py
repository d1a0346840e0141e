"""`manage.py` commands of the books."""
