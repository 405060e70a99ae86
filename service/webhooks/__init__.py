"""Webhooks: events signed by the Standard Webhooks specification and posted to endpoints."""
