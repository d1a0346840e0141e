#!/usr/bin/env python
"""The command line of the site: every administrative task starts here."""

import os
import sys


def main() -> None:
    """Run a management command with the development settings unless the environment says otherwise."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portfolio_site.settings.dev")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
