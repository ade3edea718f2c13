"""Who sees which devices: an optional policy, with the meaning that `device-connect-server` gives its access lists.

The file is JSON:

    {"acls": [
        {"device_id": "door-*", "tenant": "acme", "visible_to": ["ops-*", "guard-1"], "hidden_from": ["ops-intern"]},
        {"device_id": "door-0001", "tenant": "acme", "visible_to": ["ops-anna"]}
    ]}

`device_id` may be a pattern, and so may each name in the lists: `*` is any text, `?` any character, `[ab]` one of
them, `[!ab]` none of them; case counts. `tenant` is a name, "default" when it is missing, or "*" for all. An entry
with the device's own id counts alone; otherwise the first entry whose pattern fits it. Whoever is in
`global_deny_list` or `hidden_from` does not see the device; others do when they are in `visible_to` (everybody when
that is missing). A device without an entry is seen by all. What an access list of the reference service says beyond
that (`event_acls`, `function_acls`, their defaults) is about calls and events and taken without effect here.

A caller says who it is (`requester_id` in its request; "" when it says nothing), and nothing proves it: the policy is
only as trustworthy as the credentials that let somebody send requests at all. It keeps screens tidy and colleagues
honest; what must stay secret belongs into a tenant of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import translate
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from fleetgui.wire.codec import Malformed, decode

ENVIRONMENT_NAME: Final = "REGISTRY_ACCESS_POLICY"
ANY_TENANT: Final = "*"
LONGEST_IDENTITY: Final = 256
"""Characters that a caller's name may have."""

_MOST_BYTES: Final = 16 * 1024 * 1024
_LONGEST_PATTERN: Final = 256
_MOST_VIEWS: Final = 512


class BadPolicy(ValueError):
    """A policy file that cannot be read, or is none. The text is one sentence that names the file."""


class Acl(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry. Fields and defaults are those of the reference service's access lists."""

    device_id: str
    tenant: str = "default"
    visible_to: list[str] = msgspec.field(default_factory=lambda: ["*"])
    hidden_from: list[str] = []
    global_deny_list: list[str] = []
    event_acls: Any = None
    default_event_subscribers: Any = None
    function_acls: Any = None
    default_function_callers: Any = None
    description: str | None = None
    tags: list[str] = []


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    acls: list[Acl]


class _Audience:
    """Who may see a device; the same object for all devices of which the same is said."""

    def __init__(self, allowed: tuple[str, ...], denied: tuple[str, ...]) -> None:
        self._allowed = [_compiled(each).fullmatch for each in allowed]
        self._denied = [_compiled(each).fullmatch for each in denied]

    def admits(self, identity: str) -> bool:
        return not any(fits(identity) for fits in self._denied) and any(fits(identity) for fits in self._allowed)


class _Rules:
    """What is said of one tenant's devices."""

    def __init__(self) -> None:
        self.named: dict[str, _Audience] = {}
        self.patterns: list[tuple[re.Pattern[str], _Audience]] = []


class View:
    """What one caller may see of one tenant's devices. `sees_all`: nothing is hidden from it."""

    def __init__(self, rules: _Rules, identity: str) -> None:
        @cache  # few audiences for any number of devices
        def verdict(audience: _Audience) -> bool:
            return audience.admits(identity)

        self._named: dict[str, bool] = {device_id: verdict(audience) for device_id, audience in rules.named.items()}
        self._patterns = [(pattern.fullmatch, verdict(audience)) for pattern, audience in rules.patterns]
        self.sees_all = all(self._named.values()) and all(seen for _, seen in self._patterns)

    def sees(self, device_id: str) -> bool:
        if self.sees_all:
            return True
        named = self._named.get(device_id)
        if named is not None:
            return named
        return next((seen for fits, seen in self._patterns if fits(device_id)), True)


class AccessPolicy:
    """The entries of a policy. Raises `BadPolicy` for entries that contradict each other, or no patterns."""

    def __init__(self, acls: list[Acl]) -> None:
        self._rules: dict[str, _Rules] = {}
        everywhere = [acl for acl in acls if acl.tenant == ANY_TENANT]
        for tenant in {acl.tenant for acl in acls} | {ANY_TENANT}:
            # In the file's order: an entry for all tenants may stand before one for this tenant.
            self._rules[tenant] = _rules([acl for acl in acls if acl.tenant == tenant or acl in everywhere])
        self._view = lru_cache(_MOST_VIEWS)(View)

    def view(self, tenant: str, identity: str) -> View:
        """What `identity` sees of the tenant's devices; kept for the next time."""
        rules = self._rules.get(tenant) or self._rules[ANY_TENANT]
        return self._view(rules, identity)

    def may_see(self, tenant: str, identity: str, device_id: str) -> bool:
        return self.view(tenant, identity).sees(device_id)


def policy_from_environ(environ: Mapping[str, str]) -> AccessPolicy | None:
    """The policy whose file `REGISTRY_ACCESS_POLICY` names, None where it names none. Raises `BadPolicy`."""
    path = environ.get(ENVIRONMENT_NAME, "").strip()
    return policy_of(Path(path)) if path else None


def policy_of(path: Path) -> AccessPolicy:
    """The policy in a file. Raises `BadPolicy`."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BadPolicy(f"the access policy {path} cannot be read: {error.strerror or error}") from None
    if len(data) > _MOST_BYTES:
        raise BadPolicy(f"the access policy {path} is larger than {_MOST_BYTES} bytes")
    try:
        return AccessPolicy(decode(data, _File).acls)
    except (Malformed, BadPolicy) as error:
        raise BadPolicy(f"the access policy {path} is not valid: {error}") from None


def _rules(acls: list[Acl]) -> _Rules:
    rules = _Rules()
    said: dict[tuple[tuple[str, ...], ...], _Audience] = {}
    for acl in acls:
        allowed, denied = tuple(acl.visible_to), (*acl.hidden_from, *acl.global_deny_list)
        audience = said.get((allowed, denied))
        if audience is None:
            audience = said[allowed, denied] = _Audience(allowed, denied)
        if _is_pattern(acl.device_id):
            rules.patterns.append((_compiled(acl.device_id), audience))
        elif acl.device_id in rules.named:
            raise BadPolicy(f"there are two entries for device {acl.device_id[:64]!r} of tenant {acl.tenant[:64]!r}")
        else:
            rules.named[acl.device_id] = audience
    return rules


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > _LONGEST_PATTERN:
        raise BadPolicy(f"the pattern {pattern[:40]!r}… is longer than {_LONGEST_PATTERN} characters")
    try:
        return re.compile(translate(pattern))  # which makes no pattern take exponential time
    except re.error as error:
        raise BadPolicy(f"the pattern {pattern[:40]!r} cannot be read: {error}") from None
