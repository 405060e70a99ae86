"""Synthetic-speech detectors behind one interface: raw scores, higher means more bona fide."""
