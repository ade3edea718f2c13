"""Records of a fleet from a seed, made when they are asked for: what a million devices would have registered.

A record says what the device of the same spec says of itself when it starts, normalised as the registry does that.
Everything but a few draws is looked up in columns, and what all devices of a kind have in common is encoded once, so
that a page is made within a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any, Final

import numpy as np

from fleetgui.backend.devices.catalogue import KINDS
from fleetgui.backend.devices.chance import draw, draws
from fleetgui.backend.devices.columns import AREAS, MAKERS, MODELS
from fleetgui.backend.devices.specs import ARCHES, FIRMWARES, SITES, Specs
from fleetgui.backend.registry.records import Record, registration_of
from fleetgui.wire.codec import encode
from fleetgui.wire.records import labels_text
from fleetgui.wire.times import rfc3339_seconds

_FIRST_REGISTERED: Final = 1_790_812_800.0
"""2026-10-01, UTC."""
_BETWEEN_S: Final = 3_607.0
REGISTERED: Final = tuple(rfc3339_seconds(_FIRST_REGISTERED + turn * _BETWEEN_S) for turn in range(720))
"""When devices registered, an hour apart: the same in every process that computes the same fleet."""

_ENOUGH: Final = 1_000
"""Devices of a fleet in which there is one of every kind."""

AVAILABILITY: Final = "idle"
"""Of a device that has just started (`Device.availability`, whose load is never above `MOST_BUSY` then)."""


class _KindParts:
    """What all records of a kind have in common, encoded."""

    def __init__(self, example: dict[str, Any]) -> None:
        body = registration_of(example).model_dump()
        capabilities = body["capabilities"]
        self.functions = len(capabilities["functions"])
        self.events = len(capabilities["events"])
        bodies = {name: value for name, value in capabilities.items() if name != "labels"}
        self.bodies = encode(bodies)[:-1] + b',"labels":'
        self.counts = b',"function_count":%d,"event_count":%d}' % (self.functions, self.events)
        self.identity: dict[str, Any] = body["identity"]
        self.status: dict[str, Any] = body["status"]


class ComputedRecords:
    """`records[i]` is that of `specs[i]`, with a lease of `ttl` seconds that nobody watches."""

    def __init__(self, specs: Specs, ttl: int) -> None:
        self.specs = specs
        self.ttl = ttl
        columns = specs.columns
        self.registered = (draws(specs.seed, np.arange(len(specs), dtype=np.uint64), "registered") * 720).astype(
            np.uint16
        )
        examples = {spec.kind.name: spec for spec in Specs(_ENOUGH, specs.seed)}
        self.parts = [_KindParts(examples[kind.name].record(ttl=ttl, status={"ts": REGISTERED[0]})) for kind in KINDS]
        # Single elements are read from the view of a column in a third of the time that numpy takes.
        self._kind, self._site, self._area = columns.kind.data, columns.site.data, columns.area.data
        self._maker, self._model = columns.maker.data, columns.model.data
        self._firmware, self._arch = columns.firmware.data, columns.arch.data
        self._battery, self._busy = columns.battery.data, columns.busy.data
        self._when = self.registered.data
        self._labels: dict[tuple[int, int, int], tuple[bytes, str]] = {}

    def __len__(self) -> int:
        return len(self.specs)

    def __getitem__(self, index: int) -> Record:
        kind = self._kind[index]
        parts = self.parts[kind]
        name, site, device_id = KINDS[kind].name, SITES[self._site[index]], self.specs.device_id(index)
        labels, text = self._labels_of(kind, self._site[index], self._area[index])
        identity = parts.identity | {
            "arch": ARCHES[self._arch[index]],
            "manufacturer": MAKERS[self._maker[index]],
            "model": MODELS[self._model[index]],
            "serial_number": self.serial(index),
            "firmware_version": FIRMWARES[self._firmware[index]],
        }
        battery, when = self._battery[index], REGISTERED[self._when[index]]
        status = parts.status | {
            "ts": when,
            "location": site,
            "busy_score": self._busy[index],
            "availability": AVAILABILITY,
            "battery": None if isnan(battery) else int(battery),
            "online": True,
        }
        opening = b'{"device_id":"%b","device_ttl":%d,"capabilities":' % (device_id.encode(), self.ttl)
        middle = b',"identity":' + encode(identity) + b',"status":'
        registration_id = f"computed-{device_id}"
        registry = encode({"device_registration_id": registration_id, "registered_at": when})
        return Record(
            device_id=device_id,
            ttl=self.ttl,
            registration_id=registration_id,
            head=b"".join((opening, parts.bodies, labels, b"}", middle)),
            brief=b"".join((opening, b'{"labels":', labels, parts.counts, middle)),
            status=encode(status),
            tail=b',"registry":' + registry + b"}",
            functions=parts.functions,
            device_type=name,
            type_folded=name,
            location=site,
            location_folded=site,
            labels=text,
            labels_folded=text.lower(),
        )

    def serial(self, index: int) -> str:
        maker = MAKERS[self._maker[index]]
        return f"{maker[:2].upper()}{int(draw(self.specs.seed, index, 'serial') * 10**8):08d}"

    def ids(self, indices: Sequence[int]) -> list[str]:
        """The ids of devices; much quicker than one by one."""
        starts, digits = self.specs.starts, self.specs.digits
        kinds = self._kind
        return [f"{KINDS[kinds[index]].name}-{index - starts[kinds[index]] + 1:0{digits}d}" for index in indices]

    def _labels_of(self, kind: int, site: int, area: int) -> tuple[bytes, str]:
        """Labels, encoded and as the text that searches see."""
        key = (kind, site, area)
        known = self._labels.get(key)
        if known is None:
            labels = {"category": KINDS[kind].category, "location": [f"{SITES[site]}/{AREAS[area]}"]}
            known = self._labels[key] = encode(labels), labels_text(labels)
        return known
