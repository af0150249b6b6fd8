"""Charts: each is a function from a study to a frame, and one from that frame to a picture."""
