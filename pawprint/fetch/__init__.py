"""Download an address into the cache: http, buckets, the Hub, Kaggle, Google Drive; with resuming and retries."""
