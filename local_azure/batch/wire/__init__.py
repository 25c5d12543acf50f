"""What goes over the wire: bodies in, bodies out, conditions, times and pages."""
