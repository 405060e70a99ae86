"""The HTTP surface: routes, wire models, error shape."""
