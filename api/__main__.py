"""The API only: a replica that takes in and shows, and leaves bots, jobs and delivery to a leader."""

import sys

from api.server import serve
from shared.runtime.launch import launch

if __name__ == "__main__":
    sys.exit(launch(serve, leads=False))
