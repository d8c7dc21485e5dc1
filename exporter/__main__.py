"""`python -m exporter …` does what `bertport export …` does."""

import sys

from exporter.cli import export_main

sys.exit(export_main())
