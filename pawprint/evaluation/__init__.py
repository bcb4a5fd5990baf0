"""Measure how good a model is: metrics with intervals, and their pictures."""
