"""Functions in C for the steps that take most time on one thread of a CPU.

They replace operations for which torch passes several times over memory that no cache holds, or
leaves lanes of a vector empty. Each function has a twin made of torch's operations, which runs
where the C function is not available.
"""
