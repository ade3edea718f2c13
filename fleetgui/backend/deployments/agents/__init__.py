"""Simulated agents: what runs beside each simulated device and carries deployments out, many over one link.

`agents` is all of them together: it watches deployments, and the states that its own devices have written, and works on
the difference; `decide` is the rule of what to do about one device and one deployment. `presence` writes infos and
heartbeats. Everything is written through `writer`, at a bounded rate, again until it is taken.
"""
