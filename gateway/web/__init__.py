"""HTTP in: who asks, what may they, is the request well formed; then `ingest` or `manage` does the work."""
