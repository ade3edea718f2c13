"""A camera on the real device runtime. Runs in `.venv-interop`: `real_device.py NATS_URL TENANT DEVICE_ID TTL [BEAT]`.

BEAT is a JSON object that each of its heartbeats carries.
"""

import asyncio
import json
import sys

from device_connect_edge import DeviceRuntime
from device_connect_edge.drivers import DeviceDriver, emit, rpc
from device_connect_edge.types import DeviceIdentity, DeviceStatus


class Camera(DeviceDriver):
    device_type = "camera"

    @property
    def identity(self) -> DeviceIdentity:
        return DeviceIdentity(device_type="camera", manufacturer="Acme", model="C-1", firmware_version="1.2.3")

    @property
    def status(self) -> DeviceStatus:
        return DeviceStatus(location="site-01", availability="idle", battery=88)

    @rpc(labels={"direction": "read"})
    async def add(self, a: int, b: int) -> dict:
        """Add two integers."""
        return {"sum": a + b}

    @rpc()
    async def boom(self) -> dict:
        """Raises."""
        raise RuntimeError("sensor failed: code 7")

    @rpc()
    async def slow(self, seconds: float = 3.0) -> dict:
        """Slow call."""
        await asyncio.sleep(seconds)
        return {"slept": seconds}

    @rpc()
    async def fire(self, n: int = 1) -> dict:
        """Emit n events."""
        for number in range(n):
            await self.motion_detected(zone=f"Z{number}", confidence=0.5)
        return {"fired": n}

    @emit()
    async def motion_detected(self, zone: str, confidence: float) -> None:
        """Motion detected in view."""

    async def connect(self) -> None:
        pass

    async def disconnect(self) -> None:
        pass


async def main() -> None:
    url, tenant, device_id, ttl = sys.argv[1:5]
    device = DeviceRuntime(
        driver=Camera(),
        device_id=device_id,
        messaging_backend="nats",
        messaging_urls=[url],
        tenant=tenant,
        ttl=int(ttl),
        allow_insecure=True,
    )
    if len(sys.argv) > 5:
        beat = json.loads(sys.argv[5])
        device.set_heartbeat_provider(lambda: beat)
    await device.run()


if __name__ == "__main__":
    asyncio.run(main())
