"""Liveness: four checks that make a binary gate."""
