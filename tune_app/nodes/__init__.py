"""Ray itself: started or joined, its nodes, their storage."""
