"""One device: its state and why, what it says of itself, its functions and their calls, its events, its record."""
