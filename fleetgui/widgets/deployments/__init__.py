"""The deployments page: what runs where, worst first, and the devices of one."""
