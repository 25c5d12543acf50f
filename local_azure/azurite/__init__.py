"""Storage of the local cloud: Azurite, installed from a lockfile, started, watched and ended."""
