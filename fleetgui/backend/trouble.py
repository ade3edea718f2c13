"""What is wrong is logged once, and once more when it is over: not at every try in between."""

from __future__ import annotations

import logging

log = logging.getLogger("fleetgui.backend")


class Trouble:
    """One thing that may fail again and again. `what` is how the sentence begins: "the buckets cannot be made"."""

    def __init__(self, what: str, log: logging.Logger = log) -> None:
        self.why: str | None = None
        """What was logged of it; None: all is well."""
        self._what = what
        self._log = log
        self._alike: object = None

    def is_now(self, why: Exception | None, *, alike: object = None) -> None:
        """It failed because of `why`; None: it worked.

        A reason is logged again when its sentence is another. Sentences that name one of many keys would be thousands:
        where `alike` is given, the reason counts as the same while that is.
        """
        if why is None:
            if self.why is not None:
                self._log.info("it is over that %s", self._what)
            self.why = self._alike = None
            return
        alike = str(why) if alike is None else alike
        if alike != self._alike:
            self._alike, self.why = alike, str(why)
            self._log.warning("%s; it is tried again: %s", self._what, why)
