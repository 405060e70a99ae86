"""The decision: evidence in, verdict out. Pure; knows no media, no HTTP, no clock of its own."""
