"""A tracking store of each test's own."""

from tests.tracking.conftest import log_folder, store

__all__ = ["log_folder", "store"]
