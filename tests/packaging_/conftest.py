"""The bootstrap is no package: its modules are imported from its folder, as they are when it runs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
