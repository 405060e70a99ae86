"""Background analysis behind a small port."""
