"""Augmentation, schedules and the loop that trains a network."""
