"""What is counted and measured, for Prometheus: numbers and closed sets of words, no ids."""
