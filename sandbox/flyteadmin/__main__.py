"""Run the server in the foreground: `python -m sandbox.flyteadmin CONFIG.json`."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.server import StateInUseError, serve


def main() -> int:
    """Serve until SIGTERM; the tasks that run then stay alive and are adopted by the next server."""
    parser = argparse.ArgumentParser(prog="sandbox.flyteadmin", description=__doc__)
    parser.add_argument("config", type=Path, help="a JSON file of FlyteAdminConfig, readable by its owner only")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = FlyteAdminConfig.model_validate_json(options.config.read_bytes())
    try:
        asyncio.run(serve(config))
    except StateInUseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
