"""`python -m exporter …`, the same command as `bertport export …`."""

import sys

from exporter.cli.main import export_main

sys.exit(export_main())
