"""The topology page: the list, and the one that is followed."""
