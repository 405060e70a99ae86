"""The published document against the running service: schemathesis, and a session's whole life."""
