"""Incidents, told to whoever wakes people: once each, and once more when they are over."""
