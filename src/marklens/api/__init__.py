"""The service: searches over HTTP (extra `serve`)."""
