"""The whole fleet in columns, searched, sorted and grouped in a worker. Qt and the network are unknown here."""
