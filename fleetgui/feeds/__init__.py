"""Async, between the link and the stores: what comes in is applied to them, what the operator wants goes out.

`registry` asks the registry one thing at a time, `pager` reads what the device table shows, `walk` the whole fleet,
`presence` takes in heartbeats, edges and events, `gateway` the gateways' live messages and history, `details` fetches
what is opened, `calls` invokes device functions, `export` writes a walk to a file. Runs on the loop; knows no Qt.
"""
