"""An address becomes a file in the cache: http, buckets, the Hub, Kaggle and Google Drive; resumed, tried again."""
