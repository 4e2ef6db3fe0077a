"""``python -m rapid_client app.handler``, where it was ``python -m awslambdaric app.handler``.

Run by its path, the last argument that `bootstrap` gives to an exec wrapper, it goes on as `bootstrap` would.
"""

import sys

if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - a copied package runs on whatever python is there
        sys.exit("rapid_client: it needs Python 3.11 or newer, but this is " + sys.version.split()[0])
    if sys.platform not in ("linux", "darwin"):
        sys.exit("rapid_client: the runtime is for Linux, which Lambda is; not " + sys.platform)
    if __spec__ is None:
        inserted = sys.flags.safe_path
        sys.path[: not inserted] = [__file__.rpartition("/")[0].rpartition("/")[0]]
        from rapid_client import run  # deferred: an old Python could not even read what follows

        del sys.path[:inserted]
        sys.exit(run(sys.argv))
    from rapid_client import preload  # deferred: as above

    preload()
    from rapid_client._runtime import main  # deferred: as above

    sys.exit(main(sys.argv))
