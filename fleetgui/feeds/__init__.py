"""Async, between the link and the stores: what comes in is applied to them, what the operator wants goes out.

`feed` is what all go through. The registry: `registry` asks it one thing at a time and `registry_page` checks what it
says; `pager` reads what the table shows, `walk` the whole fleet (`course` keeps its books, `repair` reads again what
changed), `hold` has it searched in the console and `abreast` keeps that true, `whole` asks before records are read
whole, `details` fetches what is opened, `export` writes a walk to a file. Live: `presence` takes in heartbeats, edges
and events, `gateway` the gateways' messages and history, `deployments` buckets, `topologies` streams; `vigil` sees what
only time tells. `calls` invokes device functions. Runs on the loop; knows no Qt.
"""
