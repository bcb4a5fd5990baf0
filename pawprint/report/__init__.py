"""What users read after a run: the report, the model card, the picture of the chain; show, verify, replay, diff."""
