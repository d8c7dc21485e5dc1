"""What is measured of bertport, and what it is tried with: each module runs as `python -m benchmarks.FOLDER.MODULE`."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
ARTIFACTS = ROOT / "artifacts"
