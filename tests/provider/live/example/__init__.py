"""Workflows that these tests register with `pyflyte register`, as a user would."""
