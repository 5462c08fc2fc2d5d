"""The order of the suite."""


def pytest_collection_modifyitems(items):
    """Files with slow tests come first: one that came last would run alone, while the other cores wait."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
