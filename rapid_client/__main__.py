"""``python -m rapid_client app.handler``, where it was ``python -m awslambdaric app.handler``."""

import sys

from rapid_client._runtime import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
