"""Async, between the link and the stores: what comes in is applied to them, what the operator wants goes out.

`feed` is what all go through. The registry: `registry` asks it one thing at a time and `registry_page` checks what it
says; `errors` is what can go wrong. `pager` reads what the table shows, `walk` the whole fleet (`course` keeps its
books, `repair` reads again what changed), `hold` has it searched in the console and `abreast` keeps that true, `whole`
asks before records are read whole, `details` fetches what is opened, `export` writes a walk to a file.

Live: `presence` takes in heartbeats, edges and events, from whom `watchers` says. `gateway` takes in the gateways'
messages, `gateway_history` what they kept, `gateway_past` that of days ago; `refusals` makes lines for the journal.
`deployments` follows buckets, in `batches`; `topologies` lists, and `topology_follower` follows the stream of one, read
by `topology_pages`. `vigil` sees what only time tells. `calls` invokes device functions. Runs on the loop; knows no Qt.
"""
