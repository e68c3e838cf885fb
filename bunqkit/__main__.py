"""``python -m bunqkit`` is ``bunqkit``."""

import sys

from bunqkit.cli.main import main

sys.exit(main())
