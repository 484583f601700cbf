"""How tests find what they share.

Test modules of different folders may have the same name, since they mirror the code; pytest runs with
`--import-mode=importlib` for that.
Helper modules are imported by their plain names, from whichever folder they live in.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Behind everything else, so that no helper hides a module of the standard library.
sys.path.extend(str(each) for each in sorted(Path(__file__).parent.iterdir()) if each.is_dir())

from recording_fixtures import frames_are_described, recorded_children

__all__ = ["frames_are_described", "recorded_children"]
