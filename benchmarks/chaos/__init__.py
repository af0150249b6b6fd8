"""Searches whose processes are killed at random, and what must hold afterwards."""
