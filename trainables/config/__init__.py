"""What a trial is: its configuration, its metrics, and how the program is started."""
