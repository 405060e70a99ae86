"""The embedded synthetic-speech detector: raw scores, higher means more bona fide."""
