"""The tests see each other's folder, wherever they are started."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
