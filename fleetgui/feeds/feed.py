"""What a feed goes through: all are started, told of the link, and ended in one order, which the fabric keeps.

Nothing is done at a moment that a feed does not name: each overrides what concerns it.
"""

from __future__ import annotations


class Feed:
    """Between the link and the stores, for as long as one context is shown."""

    def start(self) -> None:
        """Subscribe, and begin what goes on by itself; the link is not up yet, so that nothing of it is missed."""

    def link_came_up(self) -> None:
        """Read what was missed: the link is up, for the first time or again, with every subscription made."""

    def link_went_down(self) -> None:
        """Nothing can be asked until the link comes up."""

    async def give_back(self) -> None:
        """Take back what the broker keeps for us, as far as that is quick; link and tasks are still there."""

    def close(self) -> None:
        """Take nothing in any more. Tasks are ended by whoever keeps them."""
