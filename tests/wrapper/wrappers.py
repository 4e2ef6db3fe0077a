"""Exec wrappers of the kinds that there are."""

from __future__ import annotations

from typing import Final

#: Most of them, once they have set their variables.
PLAIN: Final = '#!/bin/bash\nexport WRAPPED="$@"\nexec "$@"\n'
#: The example of AWS's documentation puts options before the last argument.
INSERTING: Final = """#!/bin/bash
arguments=("$@")
exec "${arguments[@]:0:$#-1}" -X dev "${arguments[@]: -1}"
"""
#: Datadog's and OpenTelemetry's put their handler before the function's, and packages of theirs on the path.
EXPORTING: Final = """#!/bin/sh
export ORIG_HANDLER="$_HANDLER" _HANDLER=instrumented.handler
export PYTHONPATH="/opt/instrument:$PYTHONPATH"
exec "$@"
"""
#: An earlier one of OpenTelemetry's started the runtime as a child, by a shell.
CHILD: Final = """#!/bin/sh
export WRAPPED="$*"
sh -c "$*"
exit $?
"""
#: What lies in the folder that EXPORTING names.
INSTRUMENTED: Final = """
import os, sys
from importlib import import_module

def handler(event, context):
    module, _, name = os.environ["ORIG_HANDLER"].rpartition(".")
    return [getattr(sys, "customized", False), getattr(import_module(module), name)(event, context)]
"""
CUSTOM: Final = "import sys\nsys.customized = True\n"
