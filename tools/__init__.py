"""What maintainers run; a user of `mlflow run` needs none of it."""
