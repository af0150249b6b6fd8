"""Reading a finished or running study: frames, statistics, charts, report, TensorBoard."""
