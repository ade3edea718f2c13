"""What a fleet needs, embedded: a broker, registry, gateway, deployments, topology and simulated devices, as processes.

`supervisor` starts the roles (`roles`) and keeps them alive, `guardian` ends the broker with us, `command` is `fleetgui
serve`, `process` what a console holds of it. Stands on link, policy and wire; the console imports no service of it.
"""
