# An exec wrapper gets this file as its last argument, in place of AWS's /var/runtime/bootstrap.py. It starts
# the runtime that lies beside it: in lib/, or in the standard library of the layer's own interpreter.
# Old Pythons read it, too: what is rarely needed is a string until the runtime cannot be loaded.
import sys

RARELY = """
import os

version = "%d.%d" % sys.version_info[:2]
library = "%s/lib/python%s" % (here, version)
if os.path.isdir(library + "/rapid_client") and sys.path[0] != library:
    # RAPID_PYTHON names another interpreter of the layer's version.
    sys.path[0] = library
    import rapid_client
    from rapid_client import _runtime, _site
else:
    if sys.version_info < (3, 11):
        error = "it needs Python 3.11 or newer"
    managed = os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime") + "/bootstrap.py"
    remedy = "attach the layer that is built for this Python"
    if os.environ.get("RAPID_PYTHON"):
        remedy = "name a Python of the layer's version in RAPID_PYTHON"
    if os.path.isfile(managed):
        remedy += "; the managed runtime client starts instead"
    sys.stderr.write("rapid_client: Python %s (%s) cannot load the runtime in %s/lib: %s; %s\\n"
                     % (version, sys.executable, here, error, remedy))
    if not os.path.isfile(managed):
        sys.exit(1)
    command = getattr(sys, "orig_argv", [sys.executable, __file__])
    options = command[1 : len(command) - len(sys.argv)]
    if "-S" in options:  # rapid-wrapper's
        options.remove("-S")
    os.execv(sys.executable, [sys.executable] + options + [managed] + sys.argv[1:])
"""

if __name__ == "__main__":  # what multiprocessing spawns runs this file, too, under another name
    here = __file__.rpartition("/")[0]
    try:
        # Before PYTHONPATH, which may have another rapid_client, and in place of this file's folder.
        inserted = sys.flags.safe_path
        own = sys._stdlib_dir.startswith(here + "/")
        sys.path[: not inserted] = [sys._stdlib_dir if own else here + "/lib"]
        import rapid_client

        rapid_client.preload("_site")
        from rapid_client import _runtime, _site
    except Exception as error:
        exec(RARELY)
    del sys.path[:inserted]
    _site.prepare()
    sys.exit(_runtime.main(sys.argv))
