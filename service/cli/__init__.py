"""The command `bonafide`: cheap to import, each command imports what it needs when it runs."""

from service.cli.app import main

__all__ = ["main"]
