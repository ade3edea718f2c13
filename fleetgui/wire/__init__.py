"""The wire contract: subjects, messages and their limits. Knows nothing of the rest of FleetGUI.

`subjects` builds and takes apart NATS subjects, `codec` is the one JSON reader and writer, `rpc` is JSON-RPC 2.0,
`records` device records and the registry's pages, `devices` what devices publish, `gateway` what gateways publish,
`deployments` the records of deployments in their buckets.
"""
