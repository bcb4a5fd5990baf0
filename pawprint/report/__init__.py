"""What people read after a run: the page, the model card, the picture of the chain; show, verify, replay, diff."""
