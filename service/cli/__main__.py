"""`python -m service.cli` is `bonafide`."""

from service.cli.app import main

main()
