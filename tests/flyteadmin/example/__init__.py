"""Workflows that the tests register with `pyflyte register`, as a user would."""
