"""Title and recipe of a file as an independent reader sees them: check_tags.py FILE TEXTS.

TEXTS is a JSON file with "title" and "recipe". Needs Debian's python3-mutagen; without it the
exit code is 77.
"""

import importlib
import json
import sys
from pathlib import Path

try:
    mutagen = importlib.import_module("mutagen")
except ImportError:
    sys.exit(77)

texts = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
tags = mutagen.File(sys.argv[1]).tags
if "TIT2" in tags:
    found = (str(tags["TIT2"]), str(tags["TXXX:timbre"]))
else:
    found = (tags["title"][0], tags["comment"][0])
if found != (texts["title"], texts["recipe"]):
    sys.exit(f"{sys.argv[1]}: {found}")
