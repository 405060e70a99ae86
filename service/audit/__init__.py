"""The audit log: what was decided, read, changed and erased, in a chain that shows tampering."""
