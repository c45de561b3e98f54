"""`python -m icm_tui` is the same as `icm-tui`."""

import sys

from icm_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
