"""``python -m rapid_client app.handler``, where it was ``python -m awslambdaric app.handler``."""

import sys

if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - a copied package runs on whatever python is there
        sys.exit("rapid_client: it needs Python 3.11 or newer, but this is " + sys.version.split()[0])
    if sys.platform not in ("linux", "darwin"):
        sys.exit("rapid_client: the runtime is for Linux, which Lambda is; not " + sys.platform)
    from rapid_client import preload  # deferred: an old Python could not even read what follows

    preload()
    from rapid_client._runtime import main  # deferred: as above

    sys.exit(main(sys.argv))
