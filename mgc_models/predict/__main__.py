"""`python -m mgc_models.predict`."""

import sys

from mgc_models.predict.cli import main

if __name__ == "__main__":
    sys.exit(main())
