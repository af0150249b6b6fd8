"""Wiring: options, plan, Ray Tune, the study folder."""
