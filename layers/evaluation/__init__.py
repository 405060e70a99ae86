"""Labelled recordings in, error rates out: each layer measured alone, one file at a time."""
