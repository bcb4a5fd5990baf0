"""Commands for maintainers; users of `mlflow run` do not need them."""
