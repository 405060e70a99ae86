"""The capture page: static files, served by service.api.page."""
