"""Reads archives as download and preprocess do, each photo of them, and prints what came of it, as JSON lines.

Run alone in a process, so that its memory is that of the reading.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from pawprint.archives.left_out import LeftOut
from pawprint.archives.packing import pack_tar
from pawprint.archives.sniffing import archive_kind, describe_file
from pawprint.archives.zips import UnreadableMemberError, list_zip, open_zip, read_member
from pawprint.base.errors import UserError
from tests.memory import peak_megabytes


def swallow(path: Path) -> dict[str, object]:
    """Read every photo; return how many could be, and the reasons of the others with the names told."""
    left_out = LeftOut()
    readable = 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            kind = archive_kind(path)
            if kind is None:
                return {"refused": f"no archive: it looks like {describe_file(path)}", "readable": 0}
            if kind == "tar":
                left_out.merge(pack_tar(path, Path(folder, "packed.zip")))
                path = Path(folder, "packed.zip")
            names, others = list_zip(path)
            left_out.merge(others)
            with open_zip(path) as archive:
                for name in names:
                    try:
                        read_member(archive, name)
                        readable += 1
                    except UnreadableMemberError as error:
                        left_out.add(str(error), name)
    except UserError as error:
        return {"refused": str(error), "readable": readable}
    return {"readable": readable, "left_out": dict(left_out), "names": left_out.names}


if __name__ == "__main__":
    for word in sys.argv[1:]:
        start = time.process_time()  # of this process: a busy machine is no bomb
        told = swallow(Path(word))
        seconds = time.process_time() - start
        peak = peak_megabytes()
        sys.stdout.write(json.dumps({"file": Path(word).name, "seconds": seconds, "peak_mb": peak, **told}) + "\n")
