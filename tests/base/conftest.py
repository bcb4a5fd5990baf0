"""The same surroundings as the tests of fetching: a cache of each test's own, no credentials, local servers."""

from tests.fetch.conftest import alone, kaggle, kept, site, start_site, tiny_zip

__all__ = ["alone", "kaggle", "kept", "site", "start_site", "tiny_zip"]
