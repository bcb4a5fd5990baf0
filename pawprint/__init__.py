"""The machinery of the project: one package per noun of the story that `steps/` tells."""
