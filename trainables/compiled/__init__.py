"""What one thread of a CPU spends its time on, compiled from C.

Where torch takes many passes over memory that no cache holds, or lanes of a vector stay empty.
Every function has a twin of torch's operations that does the same where it does not serve.
"""
