"""One self-contained HTML page that shows an analyst why a session was decided as it was."""

from service.report.render import render_report

__all__ = ["render_report"]
