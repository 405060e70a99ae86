"""The service under fire: real processes killed at random, and what it takes under load.

Commands, not tests: ``python -m tests.chaos --help``, ``python -m tests.chaos.load --help``.
"""
