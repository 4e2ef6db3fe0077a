"""Start the official client as the managed runtime does: the function's modules first, then the layers'."""

import os
import site
import sys

if "PYTHONPATH" not in os.environ:
    folders = [os.environ["LAMBDA_TASK_ROOT"], "/opt/python/lib/python3.13/site-packages", "/opt/python"]
    sys.path[:1] = folders
    for folder in [*folders, "/var/lang/lib/python3.13/site-packages"]:
        site.addsitedir(folder)

from awslambdaric.__main__ import main

main([__file__, os.environ["_HANDLER"]])
