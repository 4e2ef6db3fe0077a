#!/opt/rapid/bin/python3.X -S
''':'  # sh takes this for a command that does nothing, Python for a string up to the next quotes
exec "$0" "$@"
'''
# The image's entry point: on Lambda the runtime itself, since a shell before it would cost 0.9 ms of 9.
# It is compiled at each start: all else is in the package.
import sys
from posix import environ, putenv

if __name__ == "__main__":  # what multiprocessing spawns runs this file, too, under another name
    sys.path.insert(0, sys._stdlib_dir)  # as bootstrap
    import rapid_client

    if len(sys.argv) != 2 or not environ.get(b"AWS_LAMBDA_RUNTIME_API"):
        from rapid_client import _emulator
        _emulator.start(sys.argv)
    putenv("_HANDLER", sys.argv[1])  # where libraries look for it
    environ[b"_HANDLER"] = sys.argv[1].encode(errors="surrogateescape")
    sys.exit(rapid_client.start_layer(sys.argv))
