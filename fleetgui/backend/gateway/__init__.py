"""The gateway: it accepts registrations, protects itself with two rules, and lets everybody see both at work.

`lag` measures how late the event loop runs, `gate` applies the reconnect throttle to registrations, `notices` numbers
and publishes what both find, `history` keeps it in JetStream, `requests` answers `gateway/…`. Where there are several
gateways, `sharing` holds a device to one throttle, `replicas` says who lives and who owns which device, and `nodes`
lets each describe all; `service` puts these and the registry into one process.
"""
