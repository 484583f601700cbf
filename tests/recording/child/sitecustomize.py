"""Taps a server in a process of its own: Python imports this module at its start, if it is on its path."""

import os
import sys
from pathlib import Path

if sys.argv[1:2] == ["serve"] and "RECORDED_FRAMES_FOLDER" in os.environ:
    sys.path.append(str(Path(__file__).parents[1]))
    from recorder import FOLDER_VARIABLE, FileRecorder, install

    install(FileRecorder(Path(os.environ[FOLDER_VARIABLE])))
