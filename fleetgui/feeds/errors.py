"""What can go wrong with the registry, as types a caller can tell apart; each text is one sentence for people."""

from __future__ import annotations

from enum import Enum


class Fault(Enum):
    """Why the registry could not be read."""

    LINK_DOWN = "the link is down"
    NO_REGISTRY = "nobody listens"
    SILENT = "no answer in time"
    LISTS_ONLY = "it lists devices and does not answer for a single one"
    TOO_LARGE = "the answer does not fit into a message"
    UNABLE = "it does not know what was asked of it"
    FALLS_OVER = "it lists devices and fails where it has to pick some of them"
    REFUSED = "the registry called the request wrong"
    FAILED = "the registry failed"
    MALFORMED = "the answer is no page"
    NOT_ADVANCING = "the registry sends the same place again"
    DENIED = "not permitted"
    BUSY = "this console has too much under way"


class RegistryError(Exception):
    """`fault` says what kind it is, the text is a sentence that can be shown; `said` is the registry's part of it."""

    def __init__(self, fault: Fault, sentence: str, said: str = "") -> None:
        super().__init__(sentence)
        self.fault = fault
        self.said = said
