"""The only room that runs Ray Tune: the loop, its adapters, its workers."""
