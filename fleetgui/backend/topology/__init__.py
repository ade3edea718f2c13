"""Who is where and what is being done there: the topology stream of one tenant, published by one process at a time.

`publisher` is that process's work, `leader` decides whether it is the one. Facts: `members` finds the `whereabouts` of
each device in the registry, by `walk` when `pace` and `agreement` find that it is time, and by `look_ups` one by one;
`buckets` has what deployments say. From both, `picture` makes numbered events: `sites` of each `site`, `rollouts` with
the `tallies` of each. `requests` answers consoles. The contract: `wire/topology.py`.
"""
