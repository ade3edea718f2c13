"""The reference client's `list_devices()`, timed. Runs in `.venv-interop`: `real_list.py NATS_URL TENANT`.

For each line on stdin it lists the fleet once and prints the seconds that took and how many devices there were.
"""

import asyncio
import json
import sys
import time

from device_connect_edge.messaging import create_client
from device_connect_edge.registry_client import RegistryClient


async def main() -> None:
    url, tenant = sys.argv[1:3]
    messaging = create_client("nats")
    await messaging.connect(servers=[url])
    client = RegistryClient(messaging, tenant=tenant, timeout=60, cache_ttl=0)
    while await asyncio.to_thread(sys.stdin.readline):
        began = time.perf_counter()
        devices = await client.list_devices()
        print(json.dumps([time.perf_counter() - began, len(devices)]), flush=True)
        del devices
    await messaging.close()


if __name__ == "__main__":
    asyncio.run(main())
