"""Sessions: create, read, change."""
