"""HTTP, sessions, storage, jobs, command line and report: no analysis."""
