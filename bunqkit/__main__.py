"""``python -m bunqkit`` is ``bunqkit``."""

import sys

from bunqkit.cli import main

sys.exit(main())
