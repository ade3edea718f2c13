"""Who is where and what is being done there: the topology stream of one tenant, published by one process at a time."""
