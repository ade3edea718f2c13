"""FleetGUI: the desktop console that watches a fleet of devices on a NATS fabric.

The map of the packages, top to bottom, and who may import whom, stands in CONTRIBUTING.md; the tool
that holds it is import-linter (`pyproject.toml`).
"""

__version__ = "0.1.0"
