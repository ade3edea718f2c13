"""Deployments: what the aggregator counted of each, and the devices of the one that is open. Know no Qt and no NATS."""
