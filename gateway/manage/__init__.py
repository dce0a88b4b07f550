"""What people do: one module for each noun, called by the API, the console and the CLI alike.

Functions that change something take an open transaction, so that the caller can commit the change together
with what belongs to it, such as an idempotency key.
"""
