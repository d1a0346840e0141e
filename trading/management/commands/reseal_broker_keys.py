"""``manage.py reseal_broker_keys``: seal the keys of brokers under the newest encryption key; ``--new-key`` makes one."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand, CommandError

from trading.operations.brokering.resealing import reseal_connections


class Command(BaseCommand):
    """See docs/brokers.md, "Changing the encryption key"."""

    help = "Seal the stored keys of broker connections under the newest of ENCRYPTION_KEYS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Making a key is asked for here, too."""
        parser.add_argument(
            "--new-key", action="store_true", help="print a new key for ENCRYPTION_KEYS, and do nothing else"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal anew, and say how many."""
        if options["new_key"]:
            self.stdout.write(Fernet.generate_key().decode())
            return
        sealed, unreadable = reseal_connections()
        self.stdout.write(f"{sealed} connections are sealed under the newest key.")
        if unreadable:
            raise CommandError(
                f"{unreadable} cannot be read with any key: their owners have to enter the keys again."
            )
