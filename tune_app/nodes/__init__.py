"""Ray itself: started or joined, its nodes, their storage."""

# Ray is imported inside this room's functions: it takes two seconds, which a plan does without.
