"""What the benchmarks share. Importing it makes `tests`, whose images they measure on, importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
