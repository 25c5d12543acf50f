"""What every page stands in: frame, session, routes, uploads."""
