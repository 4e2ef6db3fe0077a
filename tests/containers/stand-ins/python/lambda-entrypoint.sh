#!/bin/sh
# Does what AWS's entry point does: the handler is the one argument; outside Lambda the emulator comes first.
if [ $# -ne 1 ]; then
    echo "the handler must be the first argument" >&2
    exit 142
fi
export _HANDLER="$1"
if [ -n "${AWS_LAMBDA_RUNTIME_API:-}" ]; then exec /var/runtime/bootstrap; fi
exec /usr/local/bin/aws-lambda-rie /var/runtime/bootstrap
