"""A trained dense network decomposed into a starting point for fine-tuning."""
