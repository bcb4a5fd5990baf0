"""Train a network: batches, augmentation, schedules, checkpoints and the training loop."""
