"""Hostile media by mutation: every parser that reads it, in the child that the service uses."""
