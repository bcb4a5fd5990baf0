"""The search for better hyperparameters: the study, its trials, its plots."""
