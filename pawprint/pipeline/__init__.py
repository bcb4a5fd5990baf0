"""Run the steps in order, reuse and resume them, summarise repeats, and register the champion."""
