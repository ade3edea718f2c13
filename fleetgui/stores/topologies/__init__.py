"""Topologies as the console knows them: the list, and each open one as its snapshot and its stream make it."""
