"""Fast tests first; slow ones grouped, so that one start of a service serves many."""

import pytest

# Fixtures that start services: whoever asks for one, at whatever remove, is slow.
STARTERS = {"running", "s3"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts a service as slow, and run it last, each service's tests together."""
    for item in items:
        if STARTERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
