"""The decision: evidence in, verdict out. Pure; knows no media, no HTTP, no clock of its own."""

from verdict.engine import Decision, decide
from verdict.policy import Policy, PolicyError, load_policy

__all__ = ["Decision", "Policy", "PolicyError", "decide", "load_policy"]
