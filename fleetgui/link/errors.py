"""What can go wrong on the link, as types a caller can tell apart. Every text is one sentence that can be shown.

The distinction that matters most: `LinkDown` means that nothing was sent and nothing will be; `OutcomeUnknown` and
`RequestTimeout` mean that it may have been carried out, and that nobody here repeats it.
"""

from __future__ import annotations


class LinkError(Exception):
    """Anything a request, a publication or a subscription can end in. `kind` is its name in counters and reports."""

    kind = "error"


class LinkDown(LinkError):
    """There is no broker now. Nothing was sent, and nothing will be sent later."""

    kind = "down"


class NoResponders(LinkError):
    """The broker knows nobody who listens on the subject."""

    kind = "no responders"


class RequestTimeout(LinkError):
    """Somebody listens, or listened; no answer came in time."""

    kind = "timeout"


class OutcomeUnknown(LinkError):
    """The link dropped while the request was under way: it may have been carried out or not. Not repeated."""

    kind = "outcome unknown"


class TooLarge(LinkError):
    """More bytes than the broker takes in one message (`max_payload`). Nothing was sent."""

    kind = "too large"


class PermissionDenied(LinkError):
    """The broker does not let this user publish or subscribe there."""

    kind = "permission denied"


class TooBusy(LinkError):
    """A bound was reached: requests in flight, or bytes the broker has not taken yet. Nothing was sent."""

    kind = "too busy"


class BadSubject(LinkError, ValueError):
    """A subject that would break the protocol: empty, or with white space or a control character in it."""

    kind = "bad subject"


class Refused(LinkError):
    """The broker answered and does not want us as we are: credentials, permissions, TLS. Trying on fast is no use."""

    kind = "refused"
