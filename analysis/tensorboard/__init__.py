"""TensorBoard files, written from the record."""
