"""`python -m exporter …` does what `bertport export …` does."""

import sys

from exporter.cli.main import export_main

sys.exit(export_main())
