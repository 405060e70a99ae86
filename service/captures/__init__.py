"""Captures: receive, check, keep, hand over."""
