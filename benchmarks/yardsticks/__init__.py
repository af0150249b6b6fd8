"""What the epoch is measured against: other people's ways of training the same network."""
