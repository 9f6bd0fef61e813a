"""Ends with 0 if the service says that it is well, else with 1."""

import sys
from urllib.request import urlopen

try:
    with urlopen("http://127.0.0.1:8000/health", timeout=2) as answer:
        print(answer.read().decode())
except OSError as error:
    print(error)
    sys.exit(1)
