"""The overview: the storm lens over lag, engagements and edges, read with the pointer or the keyboard."""
