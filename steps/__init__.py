"""The steps: each file is one entry point of MLproject, and one MLflow run."""
