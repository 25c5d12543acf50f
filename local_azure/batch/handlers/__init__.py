"""The operations: each parses its request, asks the engine, and writes the answer."""
