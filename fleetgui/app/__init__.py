"""The composition root: Qt start-up, the session that wires link, feeds, stores and windows, and how it all ends."""
