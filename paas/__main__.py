"""``python -m paas``."""

import sys

from paas.cli import main

sys.exit(main())
