"""Functions in C for the steps that take most time on one thread of a CPU.

They replace operations for which torch reads and writes main memory several times, or leaves vector
lanes empty. Each function has an equivalent made of torch's operations, which runs where the C
function is not available.
"""
