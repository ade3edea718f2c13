"""What is wrong is logged once, and once more when it is over: not at every try in between."""

from __future__ import annotations

import logging

log = logging.getLogger("fleetgui.deployments")


class Trouble:
    """One thing that may fail again and again. `what` is how the sentence begins: "the buckets cannot be made"."""

    def __init__(self, what: str) -> None:
        self.why: str | None = None
        """None: all is well."""
        self._what = what

    def is_now(self, why: object | None) -> None:
        """It failed because of `why`; None: it worked."""
        sentence = None if why is None else str(why)
        if sentence == self.why:
            return
        self.why = sentence
        if sentence is None:
            log.info("it is over that %s", self._what)
        else:
            log.warning("%s; it is tried again: %s", self._what, sentence)
