"""Watching new filings for conflicts with a portfolio: every filing is looked at once, and told once."""
