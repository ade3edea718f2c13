"""Calls of the two reference clients. Runs in `.venv-interop`: `real_client.py NATS_URL TENANT`, calls on stdin.

stdin: a JSON list of [client, method, keyword arguments]; stdout: a JSON list of {"result": …} or {"error": …}, the
error being the exception's type and the code that its text names. `client` is `edge` or `server`.
"""

import asyncio
import json
import re
import sys

from device_connect_edge.messaging import create_client
from device_connect_edge.registry_client import RegistryClient as EdgeClient
from device_connect_server.registry.client import RegistryClient as ServerClient


async def outcome(client, method, arguments):
    try:
        return {"result": await getattr(client, method)(**arguments)}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
        code = re.search(r"\((-?\d+)\)", str(error))
        return {"error": [type(error).__name__, int(code.group(1)) if code else str(error)]}


async def main() -> None:
    url, tenant = sys.argv[1:3]
    messaging = create_client("nats")
    await messaging.connect(servers=[url])
    clients = {
        "edge": EdgeClient(messaging, tenant=tenant, timeout=10),
        "server": ServerClient(messaging, tenant=tenant, timeout=10),
    }
    calls = json.load(sys.stdin)
    outcomes = [await outcome(clients[name], method, arguments) for name, method, arguments in calls]
    await messaging.close()
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
