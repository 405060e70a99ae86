"""Captured media at rest: an object store, and an envelope around everything that goes into it."""
