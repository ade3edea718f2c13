"""`python -m fleetgui` is the `fleetgui` command."""

import sys

from fleetgui.cli import main

if __name__ == "__main__":
    sys.exit(main())
