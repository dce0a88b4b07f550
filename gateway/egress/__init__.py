"""Outbound sockets: the only package that opens one. Every target is judged before it is dialed."""
