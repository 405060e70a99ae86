"""For every test: property tests have no time limit, which a busy machine would break at random."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("bonafide", deadline=None)
settings.load_profile("bonafide")
