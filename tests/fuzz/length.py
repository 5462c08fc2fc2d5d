"""How long fuzzing goes on: short in the suite, as long as one likes by hand.

DARKROOM_FUZZ_EXAMPLES=5000 pytest tests/fuzz        # requests made from the OpenAPI, for each operation
python -m tests.fuzz.parsers image -max_total_time=3600
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

EXAMPLES = int(os.environ.get("DARKROOM_FUZZ_EXAMPLES", "8"))
