"""The gateway: it accepts registrations, protects itself with two rules, and lets everybody see both at work.

`lag` measures how late the event loop runs, `gate` applies the reconnect throttle to registrations, `notices` numbers
and publishes what both find, `history` keeps it in JetStream, `nodes` lets replicas know each other, `requests`
answers `gateway/…`; `service` puts these and the registry into one process.
"""
